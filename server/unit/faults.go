package unit

import (
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// Codes of PostgreSQL, appendix A of its manual.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	checkViolation      = "23514"
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
)

// races are the constraints that two callers can make each other break though each of them looked first. Whoever breaks one lost: run
// again, its reads show the winner's work.
var races = map[string]bool{
	"available_balance_covers_debit":              true,
	"held_balance_covers_debit":                   true,
	"receivable_is_repaid_first":                  true,
	"payout_moves_one_step_at_a_time":             true,
	"transition_starts_where_the_last_one_ended":  true,
	"beneficiary_is_not_a_duplicate":              true,
	"external_ref_is_unique":                      true,
	"rail_event_counts_once":                      true,
	"payout_has_one_accepted_instruction":         true,
	"idempotency_key_is_used_once":                true,
	"one_activation_at_a_time":                    true,
	"approval_meets_no_obstacle":                  true,
	"review_is_decided_once":                      true,
	"rfi_moves_one_step_at_a_time":                true,
	"rfi_step_starts_where_the_last_one_ended":    true,
	"payout_has_a_hundred_rfis_at_most":           true,
	"documents_stay_within_the_quota":             true,
	"pair_is_decided_once":                        true,
	"entry_alerts_once_for_a_beneficiary":         true,
	"entry_alerts_once_for_a_party_of_a_payout":   true,
	"beneficiary_is_blocked_once":                 true,
	"rescreen_slice_is_done_once":                 true,
	"quote_is_used_once":                          true,
	"quote_is_exchanged_once":                     true,
	"batch_file_is_sent_once":                     true,
	"batch_moves_one_step_at_a_time":              true,
	"batch_step_starts_where_the_last_one_ended":  true,
	"batch_row_is_paid_once":                      true,
	"file_number_is_used_once":                    true,
	"file_comes_in_once":                          true,
	"entry_counts_once":                           true,
	"payout_has_one_open_recall":                  true,
	"recall_moves_one_step_at_a_time":             true,
	"recall_step_starts_where_the_last_one_ended": true,
	"pricing_quote_is_used_once":                  true,
	"pricing_version_is_written_once":             true,
}

// LostRace names the constraint by which the unit lost a race; empty when it did not.
func LostRace(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || (pg.Code != uniqueViolation && pg.Code != foreignKeyViolation && pg.Code != checkViolation) || !races[pg.ConstraintName] {
		return ""
	}
	return pg.ConstraintName
}

// Transient says that the database asks for the transaction to be run again.
func Transient(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == serializationFailed || pg.Code == deadlockDetected)
}

// ConnectionLost says that the database could not be reached or went away. What was under way may or may not have happened.
func ConnectionLost(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Class 57P: the server is shutting down, crashed, or does not take connections yet. Class 53: it is full.
		return pg.Code[:3] == "57P" || pg.Code[:2] == "53" || pg.Code[:2] == "08"
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}
