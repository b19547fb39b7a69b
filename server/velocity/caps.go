package velocity

// closeBelow is the share of a cap from which an amount is just below it.
const closeBelow = 0.95

// CapJustAbove is the largest cap on single payouts that the payout stays below by less than a twentieth, or meets; zero where there is
// none. Rules in another currency, in shadow or out of use have no say.
func (b *Rulebook) CapJustAbove(p *Payout) (float64, error) {
	amount, err := p.Amount.Float64()
	if err != nil {
		return 0, err
	}
	largest := 0.0
	for _, c := range b.caps {
		if amount <= c.at && amount > closeBelow*c.at && c.rule.Currency == p.Kind.Currency && c.rule.looksAt(&p.Kind) {
			largest = max(largest, c.at)
		}
	}
	return largest, nil
}
