package engine

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/patch"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A ruleDraft is a rule as a request has it: a merchant's, the operator's, or one to simulate.
type ruleDraft interface {
	ruleFields
	GetType() antonv1.VelocityRuleType_Value
}

// A ruleUpdate is a PATCH of a rule, by a merchant or by the operator.
type ruleUpdate interface {
	ruleFields
	patch.Request
	GetId() string
}

// ruleFields are the fields of a rule that can be set and changed.
type ruleFields interface {
	proto.Message
	GetName() string
	GetDescription() string
	GetScope() antonv1.VelocityScope_Value
	GetWindow() *antonv1.VelocityWindow
	GetThreshold() string
	GetCurrency() string
	GetFilter() *antonv1.VelocityFilter
	GetAction() antonv1.VelocityAction_Value
	GetMode() antonv1.VelocityMode_Value
	GetPriority() int32
	GetEnabled() bool
}

// usualPriority is the priority of a rule that names none.
const usualPriority = 100

// ruleFrom reads a draft, with what it leaves out, and gives the fields by which it makes no sense.
func ruleFrom(req ruleDraft) (*velocity.Rule, []apierr.Field) {
	r := &velocity.Rule{
		Name: req.GetName(), Description: req.GetDescription(), Type: velocity.Type(req.GetType().String()), Currency: req.GetCurrency(),
		Filter: filterOf(req.GetFilter()), Scope: scopeOf(req), Action: actionOf(req), Mode: modeOf(req), Priority: priorityOf(req), Enabled: enabledOf(req),
	}
	wrong := setWindow(r, req.GetWindow())
	wrong = append(wrong, setThreshold(r, req.GetThreshold())...)
	for _, f := range r.Problems() {
		// A window that was given and makes no sense is not a window that is missing.
		if f.Path != "window" || r.Window != nil || req.GetWindow() == nil {
			wrong = append(wrong, f)
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	if err := settleThreshold(r); err != nil {
		return nil, []apierr.Field{{Path: "threshold", Message: "is not a number that can be kept"}}
	}
	return r, nil
}

// applyUpdate changes what the request names; what it clears becomes as if it had been left out at the creation.
func applyUpdate(c patch.Changes, req ruleUpdate, r *velocity.Rule) (wrong []apierr.Field) {
	if c["name"] && req.GetName() == "" {
		wrong = append(wrong, apierr.Field{Path: "name", Message: "is required"})
	}
	patch.Set(c, "name", &r.Name, req.GetName())
	patch.Set(c, "description", &r.Description, req.GetDescription())
	patch.Set(c, "scope", &r.Scope, scopeOf(req))
	patch.Set(c, "currency", &r.Currency, req.GetCurrency())
	patch.Set(c, "filter", &r.Filter, filterOf(req.GetFilter()))
	patch.Set(c, "action", &r.Action, actionOf(req))
	patch.Set(c, "mode", &r.Mode, modeOf(req))
	patch.Set(c, "priority", &r.Priority, priorityOf(req))
	patch.Set(c, "enabled", &r.Enabled, enabledOf(req))
	if c["window"] {
		wrong = append(wrong, setWindow(r, req.GetWindow())...)
	}
	if c["threshold"] {
		wrong = append(wrong, setThreshold(r, req.GetThreshold())...)
	}
	return wrong
}

func scopeOf(req ruleFields) velocity.Scope {
	if req.GetScope() == antonv1.VelocityScope_unspecified {
		return velocity.ByMerchant
	}
	return velocity.Scope(req.GetScope().String())
}

func actionOf(req ruleFields) string {
	return cmp.Or(req.GetAction(), antonv1.VelocityAction_block).String()
}

func modeOf(req ruleFields) string {
	return cmp.Or(req.GetMode(), antonv1.VelocityMode_enforce).String()
}

// present says whether an optional field of the request was sent.
func present(req proto.Message, field protoreflect.Name) bool {
	m := req.ProtoReflect()
	return m.Has(m.Descriptor().Fields().ByName(field))
}

func priorityOf(req ruleFields) int32 {
	if !present(req, "priority") {
		return usualPriority
	}
	return req.GetPriority()
}

func enabledOf(req ruleFields) bool { return !present(req, "enabled") || req.GetEnabled() }

func filterOf(f *antonv1.VelocityFilter) velocity.Filter {
	out := velocity.Filter{Countries: f.GetCountries(), Currencies: f.GetCurrencies()}
	for _, m := range f.GetMethods() {
		out.Methods = append(out.Methods, m.String())
	}
	for _, t := range f.GetBeneficiaryTypes() {
		out.BeneficiaryTypes = append(out.BeneficiaryTypes, t.String())
	}
	return out
}

func setWindow(r *velocity.Rule, w *antonv1.VelocityWindow) []apierr.Field {
	r.Window = nil
	if w == nil {
		return nil
	}
	if wrong := velocity.ProblemsOf(w.GetType().String(), w.Seconds, w.GetZone()); wrong != nil {
		return wrong
	}
	window, err := velocity.NewWindow(w.GetType().String(), w.GetSeconds(), w.GetZone())
	if err != nil {
		return []apierr.Field{{Path: "window.zone", Message: err.Error()}}
	}
	r.Window = window
	return nil
}

func setThreshold(r *velocity.Rule, text string) []apierr.Field {
	r.Threshold = nil
	if text == "" {
		return nil
	}
	number, _, err := apd.NewFromString(text)
	if err != nil {
		return []apierr.Field{{Path: "threshold", Message: "must be a number"}}
	}
	r.Threshold = number
	return nil
}

// settleThreshold gives the threshold the digits of its currency, or none where the rule counts.
func settleThreshold(r *velocity.Rule) error {
	if r.Threshold == nil {
		return nil
	}
	var settled apd.Decimal
	if _, err := apd.BaseContext.WithPrecision(60).Quantize(&settled, r.Threshold, -r.Digits()); err != nil {
		return fmt.Errorf("the threshold %s: %w", r.Threshold, err)
	}
	r.Threshold = &settled
	return nil
}

// versionOf is the rule as the database keeps it.
func versionOf(r *velocity.Rule, tx *unit.Unit) db.VelocityRuleVersionInsertParams {
	v := db.VelocityRuleVersionInsertParams{
		MerchantID: r.Merchant, RuleID: r.ID, Version: r.Version, Name: r.Name, Description: r.Description,
		Type: db.VelocityType(r.Type), Scope: db.VelocityScope(r.Scope), Threshold: r.Threshold,
		Countries: list(r.Filter.Countries), Methods: list(r.Filter.Methods), Currencies: list(r.Filter.Currencies),
		BeneficiaryTypes: list(r.Filter.BeneficiaryTypes), Action: db.VelocityAction(r.Action), Mode: db.VelocityMode(r.Mode),
		Priority: r.Priority, Enabled: r.Enabled, Actor: tx.Actor, CreatedAt: tx.Now,
	}
	if r.Currency != "" {
		v.Currency = &r.Currency
	}
	if w := r.Window; w != nil {
		kind := db.VelocityWindow(w.Type)
		v.WindowType = &kind
		if w.Type == velocity.Rolling {
			v.WindowSeconds = &w.Seconds
		} else {
			v.WindowZone = &w.Zone
		}
	}
	return v
}

// list is the words as an array that is there, though it may be empty.
func list(words []string) []string {
	if words == nil {
		return []string{}
	}
	return words
}

func ruleToProto(v db.VelocityRuleVersion, created time.Time) *antonv1.VelocityRule {
	out := &antonv1.VelocityRule{
		Id: v.RuleID, Version: v.Version, Name: v.Name, Description: v.Description,
		Type:     antonv1.VelocityRuleType_Value(antonv1.VelocityRuleType_Value_value[string(v.Type)]),
		Scope:    antonv1.VelocityScope_Value(antonv1.VelocityScope_Value_value[string(v.Scope)]),
		Currency: v.Currency,
		Filter:   &antonv1.VelocityFilter{Countries: v.Countries, Currencies: v.Currencies},
		Action:   antonv1.VelocityAction_Value(antonv1.VelocityAction_Value_value[string(v.Action)]),
		Mode:     antonv1.VelocityMode_Value(antonv1.VelocityMode_Value_value[string(v.Mode)]),
		Priority: v.Priority, Enabled: v.Enabled, Statistics: &antonv1.VelocityStatistics{},
		CreatedAt: timestamppb.New(created), UpdatedAt: timestamppb.New(v.CreatedAt),
	}
	for _, m := range v.Methods {
		out.Filter.Methods = append(out.Filter.Methods, antonv1.PaymentMethod_Value(antonv1.PaymentMethod_Value_value[m]))
	}
	for _, t := range v.BeneficiaryTypes {
		out.Filter.BeneficiaryTypes = append(out.Filter.BeneficiaryTypes, antonv1.PartyType_Value(antonv1.PartyType_Value_value[t]))
	}
	if v.Threshold != nil {
		out.Threshold = new(v.Threshold.Text('f'))
	}
	if v.WindowType != nil {
		kind := antonv1.VelocityWindowType_Value_value[string(*v.WindowType)]
		out.Window = &antonv1.VelocityWindow{Type: antonv1.VelocityWindowType_Value(kind), Seconds: v.WindowSeconds, Zone: v.WindowZone}
	}
	return out
}

func countHits(s *antonv1.VelocityStatistics, row db.VelocityHitsOfRulesRow) {
	count := int32(min(row.Payouts, 1<<31-1))
	switch row.Effect {
	case "block":
		s.Blocked = count
	case "review":
		s.Reviewed = count
	case "would_block":
		s.WouldHaveBlocked = count
	case "would_review":
		s.WouldHaveReviewed = count
	}
	if s.LastHitAt == nil || s.LastHitAt.AsTime().Before(row.LastAt) {
		s.LastHitAt = timestamppb.New(row.LastAt)
	}
}

// A difference is a field that a version changed, as texts.
type difference struct{ field, before, after string }

func differences(was, is *velocity.Rule) (all []difference) {
	before, after := texts(was), texts(is)
	for i, field := range ruleTexts {
		if before[i] != after[i] {
			all = append(all, difference{field, before[i], after[i]})
		}
	}
	return all
}

var ruleTexts = []string{
	"name", "description", "type", "scope", "window", "threshold", "currency", "countries", "methods", "currencies", "beneficiary_types",
	"action", "mode", "priority", "enabled",
}

func texts(r *velocity.Rule) []string {
	var window, threshold string
	if w := r.Window; w != nil {
		window = strings.TrimSpace(fmt.Sprintf("%s %s", w.Type, w.Zone))
		if w.Type == velocity.Rolling {
			window = fmt.Sprintf("%s %d", w.Type, w.Seconds)
		}
	}
	if r.Threshold != nil {
		threshold = r.Threshold.Text('f')
	}
	words := func(list []string) string { return strings.Join(list, " ") }
	return []string{
		r.Name, r.Description, string(r.Type), string(r.Scope), window, threshold, r.Currency,
		words(r.Filter.Countries), words(r.Filter.Methods), words(r.Filter.Currencies), words(r.Filter.BeneficiaryTypes),
		r.Action, r.Mode, fmt.Sprint(r.Priority), fmt.Sprint(r.Enabled),
	}
}

// listBounds are the filters of a list that may be absent.
func listBounds(req listRequest) (enabled *bool, after, before *time.Time) {
	if present(req, "enabled") {
		enabled = new(req.GetEnabled())
	}
	return enabled, page.Time(req.GetCreatedAfter()), page.Time(req.GetCreatedBefore())
}
