package assembly

import (
	"context"
	"fmt"

	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/unit"
)

// desk is what prices currencies.
func (c *Config) desk() fx.Desk { return fx.Desk{MarkupBps: c.FxMarkupBps, MaxAge: c.FxMaxAge} }

// newRates is nil where the rates are the sample: there are no newer ones.
func newRates(c Config, runner *unit.Runner) *fx.Refresher {
	if c.FxSource == fx.Sample {
		return nil
	}
	return &fx.Refresher{Runner: runner, Source: c.FxSource, Desk: c.desk(), Log: c.Log}
}

// TakeSampleRates gives the sandbox its exchange rates, unless it was given a source of real ones.
func (s *Server) TakeSampleRates(ctx context.Context) error {
	if s.Rates != nil {
		return nil
	}
	if err := s.Runner.Do(ctx, unit.Who{Actor: "setup"}, true, fx.TakeSample); err != nil {
		return fmt.Errorf("give the sandbox its exchange rates: %w", err)
	}
	return nil
}
