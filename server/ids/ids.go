// Package ids makes the ids of everything: a prefix that says what it names, and an xid, which sorts by the second it was made in.
// An id is no secret and no capability: its neighbours can be guessed, so every read checks whose object it is.
package ids

import (
	"strings"
	"time"

	"github.com/rs/xid"
)

// The kinds of things that have ids.
const (
	Adjustment     = "adj"
	Advice         = "adv"
	APIKey         = "key"
	Audit          = "aud"
	Batch          = "bat"
	Beneficiary    = "ben"
	Block          = "blk"
	Delivery       = "dlv"
	Document       = "doc"
	Event          = "evt"
	FxExchange     = "fxx"
	FxQuote        = "fxq"
	FxRefresh      = "fxr"
	Instrument     = "ins"
	Merchant       = "mer"
	Payout         = "pay"
	RailCase       = "rcs"
	RailEvent      = "rev"
	RailFile       = "rfl"
	PricingPlan    = "ppl"
	PricingQuote   = "pq"
	Recall         = "rcl"
	Request        = "req"
	Rescreen       = "rsc"
	RFI            = "rfi"
	ScreeningAlert = "alr"
	ScreeningPair  = "prr"
	Screening      = "scr"
	Transaction    = "txn"
	VelocityRule   = "vr"
	Verdict        = "ver"
	Webhook        = "whk"
)

// New makes an id of the kind, such as pay_cng3q8s6ek9kc5qg1h2g, at the time given.
func New(kind string, at time.Time) string {
	return kind + "_" + xid.NewWithTime(at).String()
}

// AccountReference names a merchant's balance where only the characters that every rail takes are allowed: what a wire that funds it must
// carry, and the account of its statements. It is the merchant's id and the currency, 23 characters: it fits the 35 of ISO 20022 and of
// SWIFT, is nobody else's, and tells whoever books the wire whose it is.
func AccountReference(merchant, currency string) string {
	_, id, _ := strings.Cut(merchant, "_")
	return strings.ToUpper(id) + currency
}
