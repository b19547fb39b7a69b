package assembly

import (
	"errors"
	"slices"

	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// newWatcher gives the server the lists it screens with: in the sandbox the invented one that it brings along, in live those of the
// authorities that its database holds.
func newWatcher(c Config) (*sanctions.Watcher, error) {
	w := &sanctions.Watcher{Pool: c.Pool, Clock: c.Clock, Log: c.Log, Required: c.Lists, MaxAge: c.ListMaxAge}
	if c.Environment == "live" {
		if len(w.Required) == 0 {
			w.Required = lists.Authorities
		}
		if slices.Contains(w.Required, lists.Sandbox) {
			return nil, errors.New("the sandbox's list clears no real payment: live needs lists of authorities")
		}
		return w, nil
	}
	own, err := screening.SandboxList()
	if err != nil {
		return nil, err
	}
	w.Own = []*lists.List{own}
	w.Required = append([]lists.Authority{lists.Sandbox}, w.Required...)
	return w, nil
}

// newRefresher gives the part of the server that asks the authorities for newer lists, or nil.
func newRefresher(c Config, runner *unit.Runner, required []lists.Authority) *sanctions.Refresher {
	if c.ListRefresh == 0 {
		return nil
	}
	r := &sanctions.Refresher{Store: &sanctions.Store{Runner: runner}, Log: c.Log, Every: c.ListRefresh}
	for _, authority := range required {
		if authority != lists.Sandbox {
			r.Sources = append(r.Sources, sourceOf(c.ListSources, authority))
		}
	}
	return r
}

// twoRelease says whether it takes two people to release a party from a listed entry.
func (c *Config) twoRelease() bool {
	return c.Release == "two" || c.Release == "" && c.Environment == "live"
}

func sourceOf(sources []sanctions.Source, authority lists.Authority) sanctions.Source {
	for _, s := range sources {
		if s.Authority == authority {
			return s
		}
	}
	return sanctions.DefaultSource(authority)
}
