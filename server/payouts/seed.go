package payouts

import (
	"context"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// A seeded is a beneficiary of the seed, and the payouts to it: their amounts, and the states that they come to by themselves.
type seeded struct {
	first, last, country, currency string
	account                        *antonv1.BankAccount
	payouts                        []seededPayout
}

type seededPayout struct {
	amount  string
	outcome antonv1.PayoutStatus_Value
}

func usAccount(number string) *antonv1.BankAccount {
	return &antonv1.BankAccount{AccountNumber: number, RoutingNumber: "021000021"}
}

// seeds are what SeedSandbox creates: several countries and methods, and each of the sandbox's magic values once.
func seeds() []seeded {
	return []seeded{
		{"Maria", "Garcia", "US", "USD", usAccount("9876543210"), []seededPayout{
			{"1200.00", antonv1.PayoutStatus_completed}, {"1313.13", antonv1.PayoutStatus_manual_review}, {"1414.14", antonv1.PayoutStatus_velocity_blocked},
		}},
		{"Frank", "Fails", "US", "USD", usAccount("9876540001"), []seededPayout{{"310.00", antonv1.PayoutStatus_failed}}},
		{"Rita", "Returns", "US", "USD", usAccount("9876540002"), []seededPayout{{"420.00", antonv1.PayoutStatus_returned}}},
		{"Paul", "Pending", "US", "USD", usAccount("9876540003"), []seededPayout{{"530.00", antonv1.PayoutStatus_processing}}},
		{"Viktor", "Blackmarsh", "US", "USD", usAccount("9876543211"), []seededPayout{{"640.00", antonv1.PayoutStatus_screening_failed}}},
		{"Oliver", "Bennett", "GB", "GBP", &antonv1.BankAccount{SortCode: "108800", AccountNumber: "00012345"}, []seededPayout{
			{"250.00", antonv1.PayoutStatus_completed},
		}},
		{"Anna", "Schneider", "DE", "EUR", &antonv1.BankAccount{Iban: "DE89370400440532013000"}, []seededPayout{
			{"380.00", antonv1.PayoutStatus_completed},
		}},
		{"Haruka", "Mori", "JP", "JPY", &antonv1.BankAccount{
			BankCode: "0001", BranchCode: "001", AccountNumber: "1234567", AccountType: antonv1.AccountType_savings,
		}, []seededPayout{{"40000", antonv1.PayoutStatus_completed}}},
		{"Noura", "Salem", "KW", "KWD", &antonv1.BankAccount{Iban: "KW81CBKU0000000000001234560101"}, []seededPayout{
			{"75.500", antonv1.PayoutStatus_completed},
		}},
	}
}

// SeedSandbox creates the seeds, all of them or none.
func (s *Service) SeedSandbox(ctx context.Context, _ *antonv1.SeedSandboxRequest) (*antonv1.SeedSandboxResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	data := &antonv1.SandboxSeed{}
	var orders []order
	for _, seed := range seeds() {
		row, instrument, err := s.Beneficiaries.Create(ctx, tx, merchant, seed.request())
		if err != nil {
			return nil, err
		}
		if err := audit.Record(ctx, tx, audit.Row{Merchant: merchant, Action: "beneficiary.create", Object: row.ID}); err != nil {
			return nil, err
		}
		data.BeneficiaryIds = append(data.BeneficiaryIds, row.ID)
		for _, p := range seed.payouts {
			orders = append(orders, order{facts: factsOf(row, instrument), req: &antonv1.CreatePayoutRequest{
				BeneficiaryId: row.ID, Amount: p.amount, Currency: seed.currency, Description: "Sandbox seed", Reference: "SEED-" + p.outcome.String(),
			}})
			data.Payouts = append(data.Payouts, &antonv1.SeededPayout{BeneficiaryId: row.ID, Outcome: p.outcome})
		}
	}
	if err := s.createSeeds(ctx, tx, merchant, orders); err != nil {
		return nil, err
	}
	for i, o := range orders {
		data.Payouts[i].PayoutId = o.payout.ID
	}
	tx.About(merchant, merchant)
	return &antonv1.SeedSandboxResponse{Data: data}, nil
}

// request is the seed as a merchant would ask for it. The same names and accounts come again with each seed.
func (s seeded) request() *antonv1.CreateBeneficiaryRequest {
	return &antonv1.CreateBeneficiaryRequest{
		Type: antonv1.PartyType_individual, FirstName: s.first, LastName: s.last, Country: s.country, Currency: s.currency,
		BankAccount: s.account, AllowDuplicate: true,
	}
}

// factsOf is what a payout to a beneficiary needs to know. The beneficiary is created in the same unit, where no query finds it yet.
func factsOf(row db.Beneficiary, instrument *db.Instrument) *db.PayoutCreateFactsRow {
	return &db.PayoutCreateFactsRow{
		BeneficiaryID: row.ID, BeneficiaryStatus: row.Status, InstrumentID: &instrument.ID, InstrumentStatus: &instrument.Status,
		Method: &instrument.Method, InstrumentCountry: &instrument.Country, InstrumentCurrency: &instrument.Currency, Last4: &instrument.Last4,
	}
}

// createSeeds creates the payouts by the way of all others: decided one by one against what is left, recorded together.
func (s *Service) createSeeds(ctx context.Context, tx *unit.Unit, merchant string, orders []order) error {
	balances, err := tx.Read().BalanceList(ctx, merchant)
	if err != nil {
		return fmt.Errorf("read the balances: %w", err)
	}
	left := map[string]money.Amount{}
	for _, b := range balances {
		if left[b.Currency], err = money.Of(b.Currency, b.Available); err != nil {
			return err
		}
	}
	for i := range orders {
		if err := orders[i].read(nil); err != nil {
			return err
		}
	}
	var known tariffs // all are within one currency
	if known.plan, err = s.Prices.Of(ctx, tx.Read(), merchant, tx.Now); err != nil {
		return err
	}
	var created []*db.Payout
	for i := range orders {
		o := &orders[i]
		if err := s.decide(tx, merchant, o, known, left); err != nil {
			return err
		}
		created = append(created, o.payout)
		// Not payout.create, which says that a call with a key of its own asked for it.
		if err := audit.Record(ctx, tx, audit.Row{Merchant: merchant, Action: "payout.seed", Object: o.payout.ID}); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, merchant, created)
}
