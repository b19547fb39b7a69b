package balances

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
)

const (
	// statementPage is how many entries are read at a time: what a statement takes of memory, however long it is.
	statementPage = 1000
	// statementPiece is how much of a file is sent at a time.
	statementPiece = 64 << 10
	// oneMessage is the longest statement that goes into one message: clients of gRPC take 4 MiB unless they are told otherwise.
	oneMessage = 3 << 20
	// longestWait is more than a transaction can stand between taking its time and being booked; see statement.cut.
	longestWait = 10 * time.Minute
)

// A statementQuery is what both methods are asked for.
type statementQuery interface {
	GetCurrency() string
	GetFrom() string
	GetTo() string
	GetFormat() antonv1.StatementFormat_Value
}

// GetStatement gives a statement as a file: over REST while it is made, over gRPC in one message.
func (s *Service) GetStatement(ctx context.Context, req *antonv1.GetStatementRequest) (*httpbody.HttpBody, error) {
	st, err := s.statement(ctx, req)
	if err != nil {
		return nil, err
	}
	if file := call.FileOf(ctx); file != nil {
		return &httpbody.HttpBody{ContentType: st.form.contentType}, st.write(ctx, file.Open(st.form.contentType, st.fileName()))
	}
	var whole bounded
	if err := st.write(ctx, &whole); err != nil {
		return nil, err
	}
	return &httpbody.HttpBody{ContentType: st.form.contentType, Data: whole.Bytes()}, nil
}

// StreamStatement gives a statement in pieces.
func (s *Service) StreamStatement(req *antonv1.StreamStatementRequest, to grpc.ServerStreamingServer[httpbody.HttpBody]) error {
	st, err := s.statement(to.Context(), req)
	if err != nil {
		return err
	}
	return st.write(to.Context(), messages{to, st.form.contentType})
}

// messages sends what is written to it, a message a piece.
type messages struct {
	to          grpc.ServerStreamingServer[httpbody.HttpBody]
	contentType string
}

func (m messages) Write(piece []byte) (int, error) {
	if err := m.to.Send(&httpbody.HttpBody{ContentType: m.contentType, Data: bytes.Clone(piece)}); err != nil {
		return 0, fmt.Errorf("send a piece: %w", err)
	}
	return len(piece), nil
}

// bounded holds what fits into one message.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(piece []byte) (int, error) {
	if b.Len()+len(piece) > oneMessage {
		return 0, apierr.InvalidField("to", "makes the statement longer than one message may be: call StreamStatement, or take a shorter period")
	}
	return b.Buffer.Write(piece)
}

// A form is how a statement is written.
type form struct {
	contentType, extension string
	write                  func(context.Context, *statement, io.Writer) error
}

var forms = map[antonv1.StatementFormat_Value]form{
	antonv1.StatementFormat_unspecified: {"text/csv; charset=utf-8", "csv", writeCSV},
	antonv1.StatementFormat_csv:         {"text/csv; charset=utf-8", "csv", writeCSV},
	antonv1.StatementFormat_camt053:     {"application/xml", "xml", writeCAMT},
}

// A statement is a part of one balance's history: the transactions numbered above `after`, up to `last`. History never changes and its
// numbers have no gaps, so a statement that is read page by page is the same as one that is read at once, whatever is booked meanwhile.
type statement struct {
	form               form
	q                  *db.Queries
	merchant, currency string
	from, to, made     time.Time
	after, last        int64
	opening, closing   money.Amount
	credits, debits    int64
	credited, debited  money.Amount
	owner              string // whose balance it is, by name
	request            string // the id of the call that made it
}

// statement finds what the caller asks for, and that it adds up: a statement that did not would not be begun.
func (s *Service) statement(ctx context.Context, req statementQuery) (*statement, error) {
	st := &statement{
		form: forms[req.GetFormat()], q: call.Reads(ctx), merchant: call.Merchant(ctx), currency: req.GetCurrency(),
		made: s.Clock().UTC(), request: call.RequestID(ctx),
	}
	if !money.Known(st.currency) {
		return nil, apierr.InvalidField("currency", "%v", money.ErrCurrency)
	}
	if err := st.period(req); err != nil {
		return nil, err
	}
	top, err := tops(ctx, st.q, st.merchant, st.currency)
	if err != nil {
		return nil, err
	}
	above, opened := top[st.currency]
	if !opened {
		return nil, noBalance(st.currency)
	}
	if st.after, err = st.cut(ctx, st.from, above-1); err != nil {
		return nil, err
	}
	if st.last, err = st.cut(ctx, st.to.AddDate(0, 0, 1), above-1); err != nil {
		return nil, err
	}
	merchant, err := st.q.MerchantGet(ctx, st.merchant)
	if err != nil {
		return nil, fmt.Errorf("read the merchant: %w", err)
	}
	st.owner = merchant.Name
	return st, st.sums(ctx)
}

func (st *statement) period(req statementQuery) error {
	var wrong []apierr.Field
	day := func(field, text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			wrong = append(wrong, apierr.Field{Path: field, Message: "is not a day of the calendar"})
		}
		return at
	}
	st.from, st.to = day("from", req.GetFrom()), day("to", req.GetTo())
	switch {
	case len(wrong) > 0:
	case st.to.After(st.made):
		wrong = append(wrong, apierr.Field{Path: "to", Message: "lies in the future: today is " + st.made.Format(time.DateOnly) + ", in UTC"})
	case st.from.After(st.to):
		wrong = append(wrong, apierr.Field{Path: "from", Message: "is after to"})
	}
	if len(wrong) > 0 {
		return apierr.Invalid(wrong...)
	}
	return nil
}

// cut is the number after which a day begins: the one before the first transaction of that day or a later one, so that periods side by
// side share no transaction and miss none. A transaction takes its time before it waits for the balance, so around midnight one of the day
// before may be booked after it; that belongs to the new day, by its number.
//
// By halving, times are found as if they were in order, which they are but for such waits. So it looks for a place well before the day,
// and from there on at every transaction.
func (st *statement) cut(ctx context.Context, day time.Time, top int64) (int64, error) {
	var failed error
	above := sort.Search(int(top), func(i int) bool {
		if failed != nil {
			return true
		}
		at, err := st.q.TransactionTime(ctx, db.TransactionTimeParams{MerchantID: st.merchant, Currency: st.currency, Sequence: int64(i) + 1})
		failed = err
		return !at.Before(day.Add(-longestWait))
	})
	if failed != nil {
		return 0, fmt.Errorf("look for the transactions of a day: %w", failed)
	}
	first, err := st.q.TransactionFirstSince(ctx, db.TransactionFirstSinceParams{
		MerchantID: st.merchant, Currency: st.currency, Above: int64(above), Last: top, Since: day,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return top, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for the first transaction of a day: %w", err)
	}
	return first - 1, nil
}

// sums reads the balances at both ends, from the transactions that left them, and what lies between.
func (st *statement) sums(ctx context.Context) (err error) {
	if st.opening, err = st.balance(ctx, st.after); err != nil {
		return err
	}
	if st.closing, err = st.balance(ctx, st.last); err != nil {
		return err
	}
	sums, err := st.q.StatementSummary(ctx, db.StatementSummaryParams{MerchantID: st.merchant, Currency: st.currency, After: st.after, Last: st.last})
	if err != nil {
		return fmt.Errorf("add a statement up: %w", err)
	}
	st.credits, st.debits = sums.Credits, sums.Debits
	if st.credited, err = money.Of(st.currency, sums.Credited); err != nil {
		return err
	}
	if st.debited, err = money.Of(st.currency, sums.Debited); err != nil {
		return err
	}
	if got := st.opening.Plus(st.credited).Minus(st.debited); got.String() != st.closing.String() {
		return fmt.Errorf("the %s statement of %s from %d to %d comes to %s and closes with %s", st.currency, st.merchant, st.after, st.last, got, st.closing)
	}
	return nil
}

// balance is the total that a transaction left; zero before the first one.
func (st *statement) balance(ctx context.Context, sequence int64) (money.Amount, error) {
	if sequence == 0 {
		return money.Zero(st.currency), nil
	}
	total, err := st.q.StatementBalance(ctx, db.StatementBalanceParams{MerchantID: st.merchant, Currency: st.currency, Sequence: sequence})
	if err != nil {
		return money.Amount{}, fmt.Errorf("read what a transaction left: %w", err)
	}
	return money.Of(st.currency, total)
}

// An entry is one movement of the total.
type entry struct {
	db.StatementEntriesRow
	credit          bool
	amount, balance money.Amount // above zero; what it left
	booked          time.Time    // the day it is booked on
}

// each gives the entries in the order in which they were booked. Each must lead from the balance before it to its own.
func (st *statement) each(ctx context.Context, give func(entry) error) error {
	balance, booked, after := st.opening, st.from, st.after
	for {
		rows, err := st.q.StatementEntries(ctx, db.StatementEntriesParams{
			MerchantID: st.merchant, Currency: st.currency, After: after, Last: st.last, RowLimit: statementPage,
		})
		if err != nil {
			return fmt.Errorf("read a statement's entries: %w", err)
		}
		for _, row := range rows {
			e, err := st.entry(row)
			if err != nil {
				return err
			}
			if e.credit {
				balance = balance.Plus(e.amount)
			} else {
				balance = balance.Minus(e.amount)
			}
			if balance.String() != e.balance.String() {
				return fmt.Errorf("transaction %s leaves %s, what came before it makes %s", e.ID, e.balance, balance)
			}
			// Booked on the day that its place in the order says: a day never follows a later one.
			if day := e.CreatedAt.UTC().Truncate(24 * time.Hour); day.After(booked) {
				booked = day
			}
			e.booked, after = booked, e.Sequence
			if err := give(e); err != nil {
				return err
			}
		}
		if len(rows) < statementPage {
			return nil
		}
	}
}

func (st *statement) entry(row db.StatementEntriesRow) (e entry, err error) {
	e = entry{StatementEntriesRow: row, credit: row.Delta.Sign() > 0}
	var size apd.Decimal
	if e.amount, err = money.Of(st.currency, *size.Abs(&row.Delta)); err != nil {
		return e, err
	}
	e.balance, err = money.Of(st.currency, row.Total)
	return e, err
}

func (st *statement) write(ctx context.Context, to io.Writer) error {
	return st.form.write(ctx, st, to)
}

func (st *statement) fileName() string {
	return strings.Join([]string{"statement", st.currency, st.from.Format(time.DateOnly), st.to.Format(time.DateOnly)}, "-") + "." + st.form.extension
}

func (st *statement) account() string { return ids.AccountReference(st.merchant, st.currency) }

// text is what the entry is told by: what was written on it, or what its payout says it is for.
func (e entry) text() string {
	if e.Description != "" {
		return e.Description
	}
	return e.PayoutDescription
}
