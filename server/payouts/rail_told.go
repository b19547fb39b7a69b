package payouts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/unit"
)

// RailEvents is anton.ops.v1.RailEventsService: what banks say by other ways than files.
type RailEvents struct {
	Clerk *RailClerk
	// Environment is "test", where one operator suffices, or "live", where another one must approve.
	Environment string
	Clock       func() time.Time
}

// toldWithin is how long an event waits for a second person, as an adjustment does.
const toldWithin = 72 * time.Hour

// CreateRailEvent enters what a bank said of a payout.
func (s *RailEvents) CreateRailEvent(ctx context.Context, req *opsv1.CreateRailEventRequest) (*opsv1.CreateRailEventResponse, error) {
	tx := call.Tx(ctx)
	payout, err := tx.Read().PayoutGetForUpdate(ctx, req.GetMerchantId(), req.GetPayoutId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("payout of this merchant", req.GetPayoutId())
	}
	if err != nil {
		return nil, fmt.Errorf("lock the payout: %w", err)
	}
	row := db.RailEventRequest{
		MerchantID: payout.MerchantID, ID: ids.New(ids.RailEvent, tx.Now), PayoutID: payout.ID, Rail: payout.Rail, Kind: req.GetKind().String(),
		Code: req.GetCode(), BankReference: req.GetBankReference(), Note: req.GetNote(), Status: opsv1.RailEventStatus_pending_approval.String(),
		Environment: s.Environment, RequestedBy: tx.Actor, RequestedAt: tx.Now, ExpiresAt: tx.Now.Add(toldWithin),
	}
	if err := fill(&row, req, &payout); err != nil {
		return nil, err
	}
	t, err := s.tell(ctx, tx, row)
	if err != nil {
		return nil, err
	}
	err = tx.Queue(unit.Rows).RailEventRequestInsert(ctx, db.RailEventRequestInsertParams{
		MerchantID: row.MerchantID, ID: row.ID, PayoutID: row.PayoutID, Rail: row.Rail, Kind: row.Kind, Code: row.Code, BankReference: row.BankReference,
		SettledOn: row.SettledOn, Amount: row.Amount, Currency: row.Currency, Note: row.Note, Environment: row.Environment,
		RequestedBy: row.RequestedBy, RequestedAt: row.RequestedAt, ExpiresAt: row.ExpiresAt,
	})
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	var came conclusion
	if s.Environment == "test" {
		if came, err = s.execute(ctx, tx, &row, t, &payout); err != nil {
			return nil, err
		}
	}
	data, err := toRailEvent(row, came, tx.Now)
	return &opsv1.CreateRailEventResponse{Data: data}, err
}

// fill adds the day, and to a return its amount: all of the payment's where none is given.
func fill(row *db.RailEventRequest, req *opsv1.CreateRailEventRequest, p *db.Payout) error {
	if text := req.GetSettledOn(); text != "" {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return apierr.InvalidField("settled_on", "is no date of the calendar")
		}
		row.SettledOn = &day
	}
	if req.GetKind() != opsv1.RailEventKind_returned {
		if req.Amount != nil {
			return apierr.InvalidField("amount", "must be absent: only a return has one")
		}
		return nil
	}
	row.Amount, row.Currency = &p.DestAmount, &p.DestCurrency
	if req.Amount == nil {
		return nil
	}
	amount, err := money.Parse(p.DestCurrency, req.GetAmount())
	if err != nil || !amount.Positive() {
		return apierr.InvalidField("amount", "must be a positive amount of %s", p.DestCurrency)
	}
	value := amount.Decimal()
	row.Amount = &value
	return nil
}

// A told event is what a request means: the entry that the rail's bank would have in its file.
type told struct {
	rail  *files.Rail
	order db.RailOrdersOfPayoutsRow
	entry files.Entry
}

// tell says what a request means, or which of its fields is wrong.
func (s *RailEvents) tell(ctx context.Context, tx *unit.Unit, row db.RailEventRequest) (told, error) {
	rail, ok := s.Clerk.Worker.Rails.Named(row.Rail).(*files.Rail)
	if !ok {
		return told{}, apierr.Conflict("Payout %s is on the rail %s, which does not work by files.", row.PayoutID, row.Rail)
	}
	orders, err := tx.Read().RailOrdersOfPayouts(ctx, row.MerchantID, []string{row.PayoutID})
	if err != nil {
		return told{}, fmt.Errorf("read the order: %w", err)
	}
	if len(orders) == 0 {
		return told{}, apierr.Conflict("Payout %s was not handed to the rail %s yet.", row.PayoutID, row.Rail)
	}
	telling := files.Telling{Kind: files.Kind(row.Kind), Code: row.Code, Reference: row.BankReference}
	if row.SettledOn != nil {
		telling.SettledOn = row.SettledOn.Format(time.DateOnly)
	}
	t := told{rail: rail, order: orders[0]}
	if t.entry, err = rail.Told(telling); err != nil {
		return told{}, err
	}
	t.entry.BankReference = t.order.BankReference
	if row.Amount != nil {
		amount, err := money.Of(*row.Currency, *row.Amount)
		if err != nil {
			return told{}, err
		}
		t.entry.Amount = &amount
	}
	return t, nil
}

// execute has an event count: it becomes an entry, which is decided at once as the clerk decides those of files. The payout is locked.
func (s *RailEvents) execute(ctx context.Context, tx *unit.Unit, row *db.RailEventRequest, t told, p *db.Payout) (conclusion, error) {
	content, err := json.Marshal(map[string]string{
		"event": row.ID, "payout_id": row.PayoutID, "kind": row.Kind, "code": row.Code, "bank_reference": row.BankReference, "note": row.Note,
		"requested_by": row.RequestedBy, "approved_by": tx.Actor,
	})
	if err != nil {
		return conclusion{}, err
	}
	entry, err := t.rail.TakeTold(ctx, tx, row.ID, content, t.entry)
	if err != nil {
		return conclusion{}, err
	}
	before, err := tx.Read().RailEntriesApplied(ctx, &row.MerchantID, []string{row.PayoutID})
	if err != nil {
		return conclusion{}, fmt.Errorf("read what was applied: %w", err)
	}
	f := finding{entry: entry, payout: p, order: t.order, applied: slices.ContainsFunc(before, func(e db.RailEntriesAppliedRow) bool {
		return e.Kind == entry.Kind && e.Message == entry.Message
	})}
	came, err := s.Clerk.conclude(ctx, tx, t.rail, f)
	if err != nil {
		return came, err
	}
	if err := tx.Queue(unit.Rows).RailFileProcessed(ctx, db.RailFileProcessedParams{Rail: entry.Rail, ID: entry.FileID, At: &tx.Now}); err != nil {
		return came, err
	}
	row.EntryID = &entry.ID
	return came, decideEvent(ctx, tx, row, opsv1.RailEventStatus_executed)
}

// decideEvent ends the wait of an event, in the caller's name.
func decideEvent(ctx context.Context, tx *unit.Unit, row *db.RailEventRequest, status opsv1.RailEventStatus_Value) error {
	row.Status, row.DecidedBy, row.DecidedAt = status.String(), &tx.Actor, &tx.Now
	return tx.Queue(unit.Rows).RailEventRequestDecide(ctx, db.RailEventRequestDecideParams{
		MerchantID: row.MerchantID, ID: row.ID, Status: row.Status, DecidedBy: row.DecidedBy, DecidedAt: row.DecidedAt, EntryID: row.EntryID,
	})
}

// GetRailEvent shows one event.
func (s *RailEvents) GetRailEvent(ctx context.Context, req *opsv1.GetRailEventRequest) (*opsv1.GetRailEventResponse, error) {
	row, err := findEvent(ctx, call.Reads(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	data, err := toRailEvent(row.RailEventRequest, concluded(row.Outcome, row.CaseID), s.Clock())
	return &opsv1.GetRailEventResponse{Data: data}, err
}

func findEvent(ctx context.Context, q *db.Queries, id string) (db.RailEventRequestGetRow, error) {
	row, err := q.RailEventRequestGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("rail event", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the rail event: %w", err)
	}
	return row, nil
}

// ListRailEvents lists events, newest first.
func (s *RailEvents) ListRailEvents(ctx context.Context, req *opsv1.ListRailEventsRequest) (*opsv1.ListRailEventsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	rows, err := call.Reads(ctx).RailEventRequestList(ctx, db.RailEventRequestListParams{
		MerchantID: page.Text(req.GetMerchantId()), PayoutID: page.Text(req.GetPayoutId()), Status: page.Word(req.GetStatus()), Now: now,
		CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list rail events: %w", err)
	}
	resp := &opsv1.ListRailEventsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.RailEventRequestListRow) (time.Time, string) {
		return r.RailEventRequest.RequestedAt, r.RailEventRequest.ID
	})
	for _, row := range rows {
		data, err := toRailEvent(row.RailEventRequest, concluded(row.Outcome, row.CaseID), now)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// ApproveRailEvent has an event count that another operator entered, as it was entered.
func (s *RailEvents) ApproveRailEvent(ctx context.Context, req *opsv1.ApproveRailEventRequest) (*opsv1.ApproveRailEventResponse, error) {
	tx := call.Tx(ctx)
	row, came, err := lockEvent(ctx, tx, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	switch status := statusOfEvent(row, tx.Now); {
	case status == opsv1.RailEventStatus_executed:
	case status != opsv1.RailEventStatus_pending_approval:
		return nil, apierr.Conflict("Rail event %s is %s and cannot be approved.", row.ID, status)
	case s.Environment == "live" && row.RequestedBy == tx.Actor:
		return nil, apierr.Conflict("You entered rail event %s yourself: another operator must approve it.", row.ID)
	default:
		payout, err := tx.Read().PayoutGetForUpdate(ctx, row.MerchantID, row.PayoutID)
		if err != nil {
			return nil, fmt.Errorf("lock the payout: %w", err)
		}
		t, err := s.tell(ctx, tx, row)
		if err != nil {
			return nil, err
		}
		if came, err = s.execute(ctx, tx, &row, t, &payout); err != nil {
			return nil, err
		}
	}
	data, err := toRailEvent(row, came, tx.Now)
	return &opsv1.ApproveRailEventResponse{Data: data}, err
}

// RejectRailEvent ends an event that waits.
func (s *RailEvents) RejectRailEvent(ctx context.Context, req *opsv1.RejectRailEventRequest) (*opsv1.RejectRailEventResponse, error) {
	tx := call.Tx(ctx)
	row, came, err := lockEvent(ctx, tx, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	switch status := statusOfEvent(row, tx.Now); status {
	case opsv1.RailEventStatus_rejected:
	case opsv1.RailEventStatus_pending_approval:
		if err := decideEvent(ctx, tx, &row, opsv1.RailEventStatus_rejected); err != nil {
			return nil, err
		}
	default:
		return nil, apierr.Conflict("Rail event %s is %s and cannot be rejected.", row.ID, status)
	}
	data, err := toRailEvent(row, came, tx.Now)
	return &opsv1.RejectRailEventResponse{Data: data}, err
}

// lockEvent locks an event for whoever decides it, and gives what it came to if that happened.
func lockEvent(ctx context.Context, tx *unit.Unit, id string) (db.RailEventRequest, conclusion, error) {
	found, err := findEvent(ctx, tx.Read(), id)
	if err != nil {
		return db.RailEventRequest{}, conclusion{}, err
	}
	row, err := tx.Read().RailEventRequestLock(ctx, found.RailEventRequest.MerchantID, id)
	if err != nil {
		return row, conclusion{}, fmt.Errorf("lock the rail event: %w", err)
	}
	if row.Status != found.RailEventRequest.Status {
		found, err = findEvent(ctx, tx.Read(), id) // somebody decided it meanwhile
	}
	return row, concluded(found.Outcome, found.CaseID), err
}

func concluded(outcome, caseID *string) (c conclusion) {
	if outcome != nil {
		c.outcome = *outcome
	}
	if caseID != nil {
		c.caseID = *caseID
	}
	return c
}

// statusOfEvent is the event's status at the moment: one that nobody decided in time is expired, though no row says so.
func statusOfEvent(row db.RailEventRequest, now time.Time) opsv1.RailEventStatus_Value {
	status := opsv1.RailEventStatus_Value(opsv1.RailEventStatus_Value_value[row.Status])
	if status == opsv1.RailEventStatus_pending_approval && now.After(row.ExpiresAt) {
		return opsv1.RailEventStatus_expired
	}
	return status
}

func toRailEvent(row db.RailEventRequest, came conclusion, now time.Time) (*opsv1.RailEvent, error) {
	out := &opsv1.RailEvent{
		Id: row.ID, MerchantId: row.MerchantID, PayoutId: row.PayoutID, Rail: row.Rail, Kind: opsv1.RailEventKind_Value(opsv1.RailEventKind_Value_value[row.Kind]),
		Code: row.Code, BankReference: row.BankReference, Currency: row.Currency, Note: row.Note, Status: statusOfEvent(row, now),
		RequestedBy: row.RequestedBy, CreatedAt: timestamppb.New(row.RequestedAt), ExpiresAt: timestamppb.New(row.ExpiresAt),
		DecidedBy: row.DecidedBy, DecidedAt: optionalTime(row.DecidedAt), EntryId: row.EntryID,
	}
	if row.SettledOn != nil {
		day := row.SettledOn.Format(time.DateOnly)
		out.SettledOn = &day
	}
	if row.Amount != nil {
		amount, err := money.Of(*row.Currency, *row.Amount)
		if err != nil {
			return nil, err
		}
		text := amount.String()
		out.Amount = &text
	}
	if came.outcome != "" {
		out.Outcome = &came.outcome
	}
	if came.caseID != "" {
		out.CaseId = &came.caseID
	}
	return out, nil
}
