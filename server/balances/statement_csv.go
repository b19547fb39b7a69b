package balances

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"
)

var csvColumns = []string{"date", "value_date", "id", "type", "description", "reference", "payout_id", "debit", "credit", "balance"}

// writeCSV writes the statement as RFC 4180 has it. Amounts stand in columns of their own and never have a sign, so that the guard against
// formulas never touches one.
func writeCSV(ctx context.Context, st *statement, to io.Writer) error {
	pieces := bufio.NewWriterSize(to, statementPiece)
	rows := csv.NewWriter(pieces)
	rows.UseCRLF = true
	end := func(day time.Time, kind, balance string) []string {
		at := day.Format(time.DateOnly)
		return []string{at, at, "", kind, "", "", "", "", "", balance}
	}
	write := func(row []string) error {
		if err := rows.Write(row); err != nil {
			return fmt.Errorf("write a statement: %w", err)
		}
		return nil
	}
	if err := write(csvColumns); err != nil {
		return err
	}
	if err := write(end(st.from, "opening_balance", st.opening.String())); err != nil {
		return err
	}
	err := st.each(ctx, func(e entry) error {
		debit, credit, payout := e.amount.String(), "", ""
		if e.credit {
			debit, credit = credit, debit
		}
		if e.PayoutID != nil {
			payout = *e.PayoutID
		}
		return write([]string{
			e.booked.Format(time.DateOnly), e.ValueDate.Format(time.DateOnly), e.ID, string(e.Type), inert(e.text()), inert(e.PayoutReference), payout,
			debit, credit, e.balance.String(),
		})
	})
	if err != nil {
		return err
	}
	if err := write(end(st.to, "closing_balance", st.closing.String())); err != nil {
		return err
	}
	rows.Flush()
	if err := rows.Error(); err != nil {
		return fmt.Errorf("write a statement: %w", err)
	}
	if err := pieces.Flush(); err != nil {
		return fmt.Errorf("write a statement: %w", err)
	}
	return nil
}

// inert keeps a spreadsheet from running a stranger's text as a formula, the way OWASP advises (CSV Injection): by an apostrophe before
// the characters that begin one.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
