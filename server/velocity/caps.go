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
	for _, r := range b.Rules {
		if r.Type != MaxAmount || !r.Enabled || r.Mode != Enforce || r.Currency != p.Kind.Currency || !r.looksAt(&p.Kind) {
			continue
		}
		limit, err := r.Threshold.Float64()
		if err != nil {
			return 0, err
		}
		if amount <= limit && amount > closeBelow*limit {
			largest = max(largest, limit)
		}
	}
	return largest, nil
}
