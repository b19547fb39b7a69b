package engine

import (
	"context"
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A revision says which state of the merchant's and the operator's rules was applied.
type revision struct {
	Merchant int64 `json:"merchant"`
	Operator int64 `json:"operator"`
}

// A rulebook remembers the rules of merchants. The revision, which every evaluation reads under the lock of the merchant's book, says
// whether what is remembered is still so; nothing is ever applied that was changed before.
type rulebook struct {
	once       sync.Once
	byMerchant *lru.Cache[string, remembered]
}

type remembered struct {
	revision revision
	rules    *velocity.Rulebook
}

// merchantsRemembered bounds the memory: a merchant's rules are few thousand bytes, and half a megabyte at the most.
const merchantsRemembered = 1000

func (b *rulebook) inForce(ctx context.Context, u *unit.Unit, merchant string, now revision) (*velocity.Rulebook, error) {
	b.once.Do(func() { b.byMerchant, _ = lru.New[string, remembered](merchantsRemembered) }) // fails for a size below one
	if r, ok := b.byMerchant.Get(merchant); ok && r.revision == now {
		return r.rules, nil
	}
	rows, err := u.Read().VelocityRulesInForce(ctx, merchant)
	if err != nil {
		return nil, fmt.Errorf("read the velocity rules: %w", err)
	}
	var rules []*velocity.Rule
	for _, row := range rows {
		rule, err := ruleOf(row)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	book := velocity.NewRulebook(rules)
	b.byMerchant.Add(merchant, remembered{now, book})
	return book, nil
}

// ruleOf reads a version of a rule as the database keeps it.
func ruleOf(row db.VelocityRuleVersion) (*velocity.Rule, error) {
	r := &velocity.Rule{
		Merchant: row.MerchantID, ID: row.RuleID, Version: row.Version, Name: row.Name, Description: row.Description,
		Type: velocity.Type(row.Type), Scope: velocity.Scope(row.Scope), Threshold: row.Threshold,
		Filter: velocity.Filter{
			Countries: row.Countries, Methods: row.Methods, Currencies: row.Currencies, BeneficiaryTypes: row.BeneficiaryTypes,
		},
		Action: string(row.Action), Mode: string(row.Mode), Priority: row.Priority, Enabled: row.Enabled,
	}
	if row.Currency != nil {
		r.Currency = *row.Currency
	}
	if row.WindowType == nil {
		return r, nil
	}
	var seconds int32
	if row.WindowSeconds != nil {
		seconds = *row.WindowSeconds
	}
	var zone string
	if row.WindowZone != nil {
		zone = *row.WindowZone
	}
	window, err := velocity.NewWindow(string(*row.WindowType), seconds, zone)
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", row.RuleID, err)
	}
	r.Window = window
	return r, nil
}
