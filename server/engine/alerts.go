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
type Alerts struct {
	// TwoPeople says that a release needs a second person.
	TwoPeople bool
}

// ListScreeningAlerts lists alerts, oldest first.
func (*Alerts) ListScreeningAlerts(ctx context.Context, req *opsv1.ListScreeningAlertsRequest) (*opsv1.ListScreeningAlertsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).ScreeningAlertList(ctx, db.ScreeningAlertListParams{
		Status: page.Word(req.GetStatus()), MerchantID: page.Text(req.GetMerchantId()), BeneficiaryID: page.Text(req.GetBeneficiaryId()),
		PayoutID: page.Text(req.GetPayoutId()), RescreenID: page.Text(req.GetRescreenId()), CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
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
func (a *Alerts) ResolveScreeningAlert(ctx context.Context, req *opsv1.ResolveScreeningAlertRequest) (*opsv1.ResolveScreeningAlertResponse, error) {
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
	pair, err := a.decidePair(ctx, tx, row, decision, req.GetReason())
	if err != nil {
		return nil, err
	}
	if inForce(pair) {
		if err := resolve(ctx, tx, &row, decision, pair.ID, req.GetReason()); err != nil {
			return nil, err
		}
	}
	data, err := alertToProto(row)
	if err != nil {
		return nil, err
	}
	data.PairId = &pair.ID
	return &opsv1.ResolveScreeningAlertResponse{Data: data}, nil
}

// resolve ends an open alert by a pair that is in force.
func resolve(ctx context.Context, tx *unit.Unit, row *db.ScreeningAlert, decision db.ScreeningAlertStatus, pair, reason string) error {
	row.Status, row.ResolvedBy, row.ResolvedAt, row.Reason = decision, &tx.Actor, &tx.Now, &reason
	err := tx.Queue(unit.Rows).ScreeningAlertResolve(ctx, db.ScreeningAlertResolveParams{
		Status: decision, ResolvedBy: row.ResolvedBy, ResolvedAt: row.ResolvedAt, Reason: row.Reason, MerchantID: row.MerchantID, ID: row.ID,
	})
	if err != nil {
		return err
	}
	detail := map[string]string{"from": "open", "to": string(decision), "pair": pair, "beneficiary": row.BeneficiaryID}
	if row.PayoutID != nil {
		detail["payout"] = *row.PayoutID
	}
	return audit.Record(ctx, tx, audit.Row{Merchant: row.MerchantID, Action: "screening_alert.status", Object: row.ID, Detail: detail})
}

// inForce says whether the pair counts: nobody revoked it, and whoever had to approve it did.
func inForce(p db.ScreeningReviewedPair) bool {
	return p.RevokedAt == nil && (!p.NeedsApproval || p.ApprovedAt != nil)
}

// decidePair makes the alert's pair what was decided, or finds it: another alert may have decided the same before. A release that needs a
// second person is a proposal.
func (a *Alerts) decidePair(ctx context.Context, tx *unit.Unit, alert db.ScreeningAlert, decision db.ScreeningAlertStatus, reason string) (db.ScreeningReviewedPair, error) {
	pair, err := tx.Read().ScreeningPairOfAlert(ctx, db.ScreeningPairOfAlertParams{
		MerchantID: alert.MerchantID, PartyHash: alert.PartyHash, Role: alert.Role, SubjectID: alert.SubjectID,
		Authority: alert.Authority, EntryID: alert.EntryID, EntryHash: alert.EntryHash,
	})
	if err == nil {
		if pair.Decision != decision {
			return pair, apierr.Conflict("Pair %s of the same party and entry was reviewed as %s. To decide otherwise, revoke it first.", pair.ID, pair.Decision)
		}
		return pair, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return pair, fmt.Errorf("read the reviewed pair: %w", err)
	}
	var hit foundEntry
	if err := json.Unmarshal(alert.Finding, &hit); err != nil {
		return pair, fmt.Errorf("read the finding of %s: %w", alert.ID, err)
	}
	pair = db.ScreeningReviewedPair{
		MerchantID: alert.MerchantID, ID: ids.New(ids.ScreeningPair, tx.Now), AlertID: alert.ID, Decision: decision,
		NeedsApproval: a.TwoPeople && decision == db.ScreeningAlertStatusFalsePositive,
	}
	err = tx.Queue(unit.Rows).ScreeningPairInsert(ctx, db.ScreeningPairInsertParams{
		MerchantID: pair.MerchantID, ID: pair.ID, AlertID: alert.ID, Role: alert.Role, SubjectID: alert.SubjectID, PartyName: alert.PartyName,
		PartyHash: alert.PartyHash, Authority: alert.Authority, EntryID: alert.EntryID, EntryHash: alert.EntryHash, EntryName: hit.EntryName,
		Decision: decision, Reason: reason, ReviewedBy: tx.Actor, ReviewedAt: tx.Now, NeedsApproval: pair.NeedsApproval,
	})
	if err != nil || !pair.NeedsApproval {
		return pair, err
	}
	return pair, audit.Record(ctx, tx, audit.Row{Merchant: pair.MerchantID, Action: "screening_pair.status", Object: pair.ID, Detail: map[string]string{
		"to": "proposed", "alert": alert.ID,
	}})
}

// ApproveScreeningPair puts a release in force that somebody else proposed, and resolves its alert.
func (*Alerts) ApproveScreeningPair(ctx context.Context, req *opsv1.ApproveScreeningPairRequest) (*opsv1.ApproveScreeningPairResponse, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().ScreeningPairGetForUpdate(ctx, req.GetId())
	if err != nil {
		return nil, missing(err, "reviewed pair", req.GetId())
	}
	tx.About(row.MerchantID, row.ID)
	switch {
	case row.RevokedAt != nil:
		return nil, apierr.Conflict("Pair %s was revoked and cannot be approved.", row.ID)
	case inForce(row):
		return &opsv1.ApproveScreeningPairResponse{Data: pairToProto(row)}, nil
	case row.ReviewedBy == tx.Actor:
		return nil, apierr.Conflict("You proposed pair %s yourself: another operator must approve it.", row.ID)
	}
	row.ApprovedBy, row.ApprovedAt = &tx.Actor, &tx.Now
	err = tx.Queue(unit.Rows).ScreeningPairApprove(ctx, db.ScreeningPairApproveParams{
		ApprovedBy: row.ApprovedBy, ApprovedAt: row.ApprovedAt, MerchantID: row.MerchantID, ID: row.ID,
	})
	if err != nil {
		return nil, err
	}
	alert, err := tx.Read().ScreeningAlertGetForUpdate(ctx, row.AlertID)
	if err != nil {
		return nil, missing(err, "screening alert", row.AlertID)
	}
	if alert.Status == db.ScreeningAlertStatusOpen {
		if err := resolve(ctx, tx, &alert, row.Decision, row.ID, row.Reason); err != nil {
			return nil, err
		}
	}
	err = audit.Record(ctx, tx, audit.Row{Merchant: row.MerchantID, Action: "screening_pair.status", Object: row.ID, Detail: map[string]string{
		"from": "proposed", "to": "in_force", "proposed_by": row.ReviewedBy, "approved_by": tx.Actor,
	}})
	return &opsv1.ApproveScreeningPairResponse{Data: pairToProto(row)}, err
}

// ListScreeningPairs lists reviewed pairs, newest first.
func (*Alerts) ListScreeningPairs(ctx context.Context, req *opsv1.ListScreeningPairsRequest) (*opsv1.ListScreeningPairsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).ScreeningPairList(ctx, db.ScreeningPairListParams{
		MerchantID: page.Text(req.GetMerchantId()), SubjectID: page.Text(req.GetSubjectId()), Decision: page.Word(req.GetDecision()),
		RevokedToo: req.GetIncludeRevoked(), Status: page.Word(req.GetStatus()), CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
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
	was := pairStatus(row)
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
		"decision": string(row.Decision), "from": was.String(), "to": "revoked", "reopened_payouts": fmt.Sprint(len(payouts)),
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
		Id: row.ID, MerchantId: row.MerchantID, PayoutId: row.PayoutID, VerdictId: row.VerdictID, RescreenId: row.RescreenID, BlockId: row.BlockID, BeneficiaryId: row.BeneficiaryID,
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
		RevokedBy: row.RevokedBy, RevokeReason: row.RevokeReason, Status: pairStatus(row), ApprovedBy: row.ApprovedBy,
	}
	if row.ApprovedAt != nil {
		p.ApprovedAt = timestamppb.New(*row.ApprovedAt)
	}
	if row.RevokedAt != nil {
		p.RevokedAt = timestamppb.New(*row.RevokedAt)
	}
	return p
}

func pairStatus(row db.ScreeningReviewedPair) opsv1.ScreeningPairStatus_Value {
	switch {
	case row.RevokedAt != nil:
		return opsv1.ScreeningPairStatus_revoked
	case inForce(row):
		return opsv1.ScreeningPairStatus_in_force
	}
	return opsv1.ScreeningPairStatus_proposed
}

func roleToProto(role db.ScreenedRole) opsv1.ScreenedRole_Value {
	return opsv1.ScreenedRole_Value(opsv1.ScreenedRole_Value_value[string(role)])
}
