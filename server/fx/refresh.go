package fx

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/fx/ecb"
	"github.com/antonpayments/anton/server/unit"
)

// ECB is where the European Central Bank publishes its daily rates.
const ECB Source = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"

// Sample is the sandbox's source: rates of one day that were invented, in the ECB's form.
const Sample Source = ""

//go:embed sample.xml
var sample []byte

// A Source is where rates are read from: an address, the path of a file, or the Sample. Whatever it is, it has the ECB's form.
type Source string

func (s Source) String() string {
	if s == Sample {
		return fromSample
	}
	return string(s)
}

func (s Source) publisher() string {
	if s == Sample {
		return fromSample
	}
	return fromECB
}

// Check refuses an address that anyone on the way could answer for: rates are money.
func (s Source) Check() error {
	if !strings.Contains(string(s), "://") {
		return nil
	}
	u, err := url.Parse(string(s))
	if err != nil {
		return fmt.Errorf("%.200q is no address", string(s))
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "https" && u.Host != "" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%.200s: rates are fetched over https only", u.Redacted())
}

// Found is what a source had, or why it had nothing.
type Found struct {
	Source Source
	Days   []ecb.Day
	Err    error // a *refusal where there was a file, and something is wrong with it
}

// Fetch reads a source. It changes nothing; Record does.
func Fetch(ctx context.Context, s Source) Found {
	text, err := s.read(ctx)
	if err != nil {
		return Found{Source: s, Err: err}
	}
	days, err := ecb.Read(text)
	if err != nil {
		return Found{Source: s, Err: refuse("%v", err)}
	}
	return Found{Source: s, Days: days}
}

func (s Source) read(ctx context.Context) ([]byte, error) {
	switch {
	case s == Sample:
		return sample, nil
	case strings.Contains(string(s), "://"):
		return s.download(ctx)
	}
	file, err := os.Open(string(s))
	if err != nil {
		return nil, fmt.Errorf("open the rates: %w", err)
	}
	defer file.Close()
	return readAll(file)
}

// readAll reads one byte more than a file may have at most, so that ecb.Read refuses it.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, ecb.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the rates: %w", err)
	}
	return text, nil
}

// longest is how long a download may take.
const longest = 30 * time.Second

func (s Source) download(ctx context.Context) ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(s), nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the rates: %w", err)
	}
	req.Header.Set("User-Agent", "Anton (exchange rates)")
	client := &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("it redirects too often")
		}
		return Source(req.URL.String()).Check()
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the rates: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the rates: %s answers %s", req.URL.Host, resp.Status)
	}
	return readAll(resp.Body)
}

const (
	// lookEvery is how often a server looks whether newer rates are out.
	lookEvery = time.Minute
	// askEvery is how often the source is asked, by all servers of a database together, while it has nothing newer.
	askEvery = 10 * time.Minute
	// ByServer is who a server's own refresh is by.
	ByServer = "fx_refresh"
)

// A Refresher gets newer rates when they are out: from 16:00 in Frankfurt on each business day of the euro, until they are there. Any number
// of servers may run one. It holds no state: what is due follows from the newest rates and the last attempt.
type Refresher struct {
	Runner *unit.Runner
	Source Source
	Desk   Desk
	Log    *slog.Logger
}

// Run refreshes until ctx ends.
func (r *Refresher) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := r.RunOnce(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("refresh the exchange rates", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce refreshes if newer rates are out and nobody has asked for them lately.
func (r *Refresher) RunOnce(ctx context.Context) error {
	now := r.Runner.Now()
	publisher := r.Source.publisher()
	status, err := r.Desk.Status(ctx, db.New(r.Runner.Pool), now, &publisher)
	if err != nil {
		return err
	}
	if status.AsOf != nil && !status.AsOf.Before(ecb.Newest(now)) {
		return nil
	}
	if status.Last != nil && now.Before(status.Last.At.Add(askEvery)) {
		return nil
	}
	row, err := r.Refresh(ctx, ByServer, "")
	switch {
	case err != nil:
		return err
	case row.Outcome == refused || row.Outcome == failed:
		return fmt.Errorf("%s: the rates from %s were not taken: %s", row.Outcome, row.Source, row.Detail)
	case row.Outcome == taken:
		r.Log.Info("the exchange rates were refreshed", slog.String("what", row.Detail))
	}
	return nil
}

// Refresh gets the rates now, in the name of by. What is wrong with them is the outcome, not an error.
func (r *Refresher) Refresh(ctx context.Context, by string, waiver Waiver) (row db.FxRefresh, err error) {
	found := Fetch(ctx, r.Source)
	if ctx.Err() != nil {
		return row, ctx.Err()
	}
	err = r.Runner.Do(ctx, unit.Who{Actor: by}, false, func(ctx context.Context, u *unit.Unit) error {
		if row, err = Record(ctx, u, found, by, waiver); err != nil {
			return err
		}
		return audit.Record(ctx, u, audit.Row{Action: "fx.rates.refresh", Object: row.ID, Detail: map[string]string{"outcome": row.Outcome}})
	})
	if err != nil {
		return row, fmt.Errorf("record the refresh: %w", err)
	}
	return row, nil
}

// TakeSample puts the sandbox's sample in place; where it is already, nothing changes.
func TakeSample(ctx context.Context, u *unit.Unit) error {
	found := Fetch(ctx, Sample)
	if found.Err != nil {
		return fmt.Errorf("read the sandbox's rates: %w", found.Err)
	}
	return insertDay(ctx, u, found.Days[0], fromSample)
}
