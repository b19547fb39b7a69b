package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Alerts is anton.ops.v1.ScreeningAlertsService: compliance decides on what screening found.
type Alerts struct{}

// ListScreeningAlerts lists alerts, oldest first.
func (*Alerts) ListScreeningAlerts(ctx context.Context, req *opsv1.ListScreeningAlertsRequest) (*opsv1.ListScreeningAlertsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).ScreeningAlertList(ctx, db.ScreeningAlertListParams{
		Status: page.Word(req.GetStatus()), MerchantID: page.Text(req.GetMerchantId()), BeneficiaryID: page.Text(req.GetBeneficiaryId()),
		PayoutID: page.Text(req.GetPayoutId()), CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		AfterAt: p.At, AfterID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list screening alerts: %w", err)
	}
	resp := &opsv1.ListScreeningAlertsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(a db.ScreeningAlert) (time.Time, string) { return a.CreatedAt, a.ID })
	for _, row := range rows {
		data, err := alertToProto(row)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// GetScreeningAlert shows one alert.
func (*Alerts) GetScreeningAlert(ctx context.Context, req *opsv1.GetScreeningAlertRequest) (*opsv1.GetScreeningAlertResponse, error) {
	row, err := call.Reads(ctx).ScreeningAlertGet(ctx, req.GetId())
	if err != nil {
		return nil, missing(err, "screening alert", req.GetId())
	}
	data, err := alertToProto(row)
	return &opsv1.GetScreeningAlertResponse{Data: data}, err
}

// ResolveScreeningAlert decides on an alert, and so on its pair.
func (*Alerts) ResolveScreeningAlert(ctx context.Context, req *opsv1.ResolveScreeningAlertRequest) (*opsv1.ResolveScreeningAlertResponse, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().ScreeningAlertGetForUpdate(ctx, req.GetId())
	if err != nil {
		return nil, missing(err, "screening alert", req.GetId())
	}
	tx.About(row.MerchantID, row.ID)
	decision := db.ScreeningAlertStatus(req.GetDecision().String())
	if row.Status != db.ScreeningAlertStatusOpen {
		if row.Status != decision {
			return nil, apierr.Conflict("Alert %s was resolved as %s. To decide otherwise, revoke its pair first.", row.ID, row.Status)
		}
		data, err := alertToProto(row)
		return &opsv1.ResolveScreeningAlertResponse{Data: data}, err
	}
	pair, err := decidePair(ctx, tx, row, decision, req.GetReason())
	if err != nil {
		return nil, err
	}
	row.Status, row.ResolvedBy, row.ResolvedAt, row.Reason = decision, &tx.Actor, &tx.Now, &req.Reason
	err = tx.Queue(unit.Rows).ScreeningAlertResolve(ctx, db.ScreeningAlertResolveParams{
		Status: decision, ResolvedBy: row.ResolvedBy, ResolvedAt: row.ResolvedAt, Reason: row.Reason, MerchantID: row.MerchantID, ID: row.ID,
	})
	if err != nil {
		return nil, err
	}
	err = audit.Record(ctx, tx, audit.Row{Merchant: row.MerchantID, Action: "screening_alert.status", Object: row.ID, Detail: map[string]string{
		"from": "open", "to": string(decision), "pair": pair, "payout": row.PayoutID,
	}})
	if err != nil {
		return nil, err
	}
	data, err := alertToProto(row)
	if err != nil {
		return nil, err
	}
	data.PairId = &pair
	return &opsv1.ResolveScreeningAlertResponse{Data: data}, nil
}

// decidePair makes the alert's pair what was decided, and gives its id. Another alert may have decided the same before.
func decidePair(ctx context.Context, tx *unit.Unit, a db.ScreeningAlert, decision db.ScreeningAlertStatus, reason string) (string, error) {
	pairs, err := tx.Read().ScreeningPairsOf(ctx, a.MerchantID, [][]byte{a.PartyHash})
	if err != nil {
		return "", fmt.Errorf("read the reviewed pairs: %w", err)
	}
	for _, p := range pairs {
		if p.Role != a.Role || p.SubjectID != a.SubjectID || p.Authority != a.Authority || p.EntryID != a.EntryID || p.EntryHash != a.EntryHash {
			continue
		}
		if p.Decision != decision {
			return "", apierr.Conflict("Pair %s of the same party and entry was reviewed as %s. To decide otherwise, revoke it first.", p.ID, p.Decision)
		}
		return p.ID, nil
	}
	var hit foundEntry
	if err := json.Unmarshal(a.Finding, &hit); err != nil {
		return "", fmt.Errorf("read the finding of %s: %w", a.ID, err)
	}
	id := ids.New(ids.ScreeningPair, tx.Now)
	return id, tx.Queue(unit.Rows).ScreeningPairInsert(ctx, db.ScreeningPairInsertParams{
		MerchantID: a.MerchantID, ID: id, AlertID: a.ID, Role: a.Role, SubjectID: a.SubjectID, PartyName: a.PartyName, PartyHash: a.PartyHash,
		Authority: a.Authority, EntryID: a.EntryID, EntryHash: a.EntryHash, EntryName: hit.EntryName,
		Decision: decision, Reason: reason, ReviewedBy: tx.Actor, ReviewedAt: tx.Now,
	})
}

// ListScreeningPairs lists reviewed pairs, newest first.
func (*Alerts) ListScreeningPairs(ctx context.Context, req *opsv1.ListScreeningPairsRequest) (*opsv1.ListScreeningPairsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).ScreeningPairList(ctx, db.ScreeningPairListParams{
		MerchantID: page.Text(req.GetMerchantId()), SubjectID: page.Text(req.GetSubjectId()), Decision: page.Word(req.GetDecision()),
		RevokedToo: req.GetIncludeRevoked(), CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list reviewed pairs: %w", err)
	}
	resp := &opsv1.ListScreeningPairsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.ScreeningReviewedPair) (time.Time, string) { return r.ReviewedAt, r.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, pairToProto(row))
	}
	return resp, nil
}

// RevokeScreeningPair ends a reviewed pair. The payouts in review that it is about are locked first: none of them is approved on it
// meanwhile.
func (*Alerts) RevokeScreeningPair(ctx context.Context, req *opsv1.RevokeScreeningPairRequest) (*opsv1.RevokeScreeningPairResponse, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().ScreeningPairGet(ctx, req.GetId())
	if err != nil {
		return nil, missing(err, "reviewed pair", req.GetId())
	}
	tx.About(row.MerchantID, row.ID)
	payouts, err := tx.Read().ScreeningPairPayoutsLock(ctx, row.MerchantID, row.ID)
	if err != nil {
		return nil, fmt.Errorf("lock the payouts in review: %w", err)
	}
	if row, err = tx.Read().ScreeningPairGetForUpdate(ctx, row.ID); err != nil {
		return nil, missing(err, "reviewed pair", req.GetId())
	}
	if row.RevokedAt != nil {
		return &opsv1.RevokeScreeningPairResponse{Data: pairToProto(row)}, nil
	}
	row.RevokedBy, row.RevokedAt, row.RevokeReason = &tx.Actor, &tx.Now, &req.Reason
	err = tx.Queue(unit.Rows).ScreeningPairRevoke(ctx, db.ScreeningPairRevokeParams{
		RevokedBy: row.RevokedBy, RevokedAt: row.RevokedAt, RevokeReason: row.RevokeReason, MerchantID: row.MerchantID, ID: row.ID,
	})
	if err != nil {
		return nil, err
	}
	err = tx.Queue(unit.Rows).ScreeningAlertsReopen(ctx, db.ScreeningAlertsReopenParams{MerchantID: row.MerchantID, PairID: row.ID, PayoutIds: payouts})
	if err != nil {
		return nil, err
	}
	err = audit.Record(ctx, tx, audit.Row{Merchant: row.MerchantID, Action: "screening_pair.status", Object: row.ID, Detail: map[string]string{
		"from": string(row.Decision), "to": "revoked", "reopened_payouts": fmt.Sprint(len(payouts)),
	}})
	return &opsv1.RevokeScreeningPairResponse{Data: pairToProto(row)}, err
}

func missing(err error, what, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound(what, id)
	}
	return fmt.Errorf("read a %s: %w", what, err)
}

func alertToProto(row db.ScreeningAlert) (*opsv1.ScreeningAlert, error) {
	var hit foundEntry
	var inForce []listVersion
	if err := errors.Join(json.Unmarshal(row.Finding, &hit), json.Unmarshal(row.Lists, &inForce)); err != nil {
		return nil, fmt.Errorf("read the finding of %s: %w", row.ID, err)
	}
	a := &opsv1.ScreeningAlert{
		Id: row.ID, MerchantId: row.MerchantID, PayoutId: row.PayoutID, VerdictId: row.VerdictID, BeneficiaryId: row.BeneficiaryID,
		Role: roleToProto(row.Role), SubjectId: row.SubjectID, PartyName: row.PartyName,
		Finding:   opsv1.ScreeningFinding_Value(opsv1.ScreeningFinding_Value_value[row.Decision]),
		Authority: row.Authority, ListVersion: hit.Version, EntryId: row.EntryID, EntryHash: row.EntryHash, EntryName: hit.EntryName,
		Score: int32(math.Round(1000 * hit.Score)), Model: row.Model,
		Status:    opsv1.ScreeningAlertStatus_Value(opsv1.ScreeningAlertStatus_Value_value[string(row.Status)]),
		CreatedAt: timestamppb.New(row.CreatedAt), ResolvedBy: row.ResolvedBy, Reason: row.Reason,
	}
	if row.ResolvedAt != nil {
		a.ResolvedAt = timestamppb.New(*row.ResolvedAt)
	}
	for _, w := range hit.Words {
		a.Words = append(a.Words, fmt.Sprintf("%s ~ %s: %s", w.Query, w.Listed, w.Says))
	}
	for _, p := range hit.Parts {
		a.Parts = append(a.Parts, fmt.Sprintf("%+.2f %s: %s", p.Weight, p.What, p.Says))
	}
	for _, l := range inForce {
		a.Lists = append(a.Lists, l.Version)
	}
	return a, nil
}

func pairToProto(row db.ScreeningReviewedPair) *opsv1.ScreeningPair {
	p := &opsv1.ScreeningPair{
		Id: row.ID, MerchantId: row.MerchantID, AlertId: row.AlertID, Role: roleToProto(row.Role), SubjectId: row.SubjectID,
		PartyName: row.PartyName, Authority: row.Authority, EntryId: row.EntryID, EntryHash: row.EntryHash, EntryName: row.EntryName,
		Decision: opsv1.ScreeningDecision_Value(opsv1.ScreeningDecision_Value_value[string(row.Decision)]),
		Reason:   row.Reason, CreatedAt: timestamppb.New(row.ReviewedAt), ReviewedBy: row.ReviewedBy,
		RevokedBy: row.RevokedBy, RevokeReason: row.RevokeReason,
	}
	if row.RevokedAt != nil {
		p.RevokedAt = timestamppb.New(*row.RevokedAt)
	}
	return p
}

func roleToProto(role db.ScreenedRole) opsv1.ScreenedRole_Value {
	return opsv1.ScreenedRole_Value(opsv1.ScreenedRole_Value_value[string(role)])
}
