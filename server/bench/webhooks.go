package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// What webhooks are measured with: so many endpoints, one a merchant, and so many of them bad where some are.
const (
	webhookEndpoints = 100
	badEndpoints     = 10
	eventsAtOnce     = 50 // in one transaction
)

// A WebhookMeasure is one load on the deliveries.
type WebhookMeasure struct {
	Name    string  `json:"name"`
	Offered int     `json:"events"`             // events that healthy endpoints had to be told
	Rate    float64 `json:"offered_per_second"` // as they were really written
	Got     int     `json:"delivered"`          // told, each counted once
	Again   int     `json:"delivered_again"`    // told more than once
	Done    float64 `json:"delivered_per_s"`    // from the first event's writing to the last one's arrival
	P50     float64 `json:"p50_ms"`             // from the event's commit, nearly, to its arrival
	P99     float64 `json:"p99_ms"`             //
	Max     float64 `json:"max_ms"`             //
	CPU     float64 `json:"server_cpu_ms_each"` // a delivery
	DB      float64 `json:"postgres_cpu_ms_each"`
}

// A WebhookReport is what was measured of webhooks.
type WebhookReport struct {
	Measures   []WebhookMeasure `json:"measures"`
	PeakMemory int64            `json:"peak_memory_bytes"`
	Breaches   []string         `json:"breaches"`
}

// RunWebhooks measures deliveries: as many as there are, all endpoints healthy, and with a tenth of them dead or slow. The server runs in
// this process, the endpoints in another one, on loopback alone.
func RunWebhooks(ctx context.Context, c Config, rate int) (*WebhookReport, error) {
	c.Merchants, c.Evaluation = webhookEndpoints, false
	b := &bench{Config: c}
	stop, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := b.populate(ctx); err != nil {
		return nil, err
	}
	b.meter = newMeter(ctx, b.Pool)
	endpoints, err := startReceivers(ctx, c.Client)
	if err != nil {
		return nil, err
	}
	defer endpoints.stop()
	merchants, err := b.listen(ctx, endpoints.urls)
	if err != nil {
		return nil, err
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	working.Go(func() { b.server.Sequencer.Run(work) })
	working.Go(func() { b.server.Deliverer.Run(work) })
	defer working.Wait()
	defer stopWork()

	report := &WebhookReport{}
	seconds := int(c.Duration.Seconds())
	for _, load := range []struct {
		name         string
		bad          int
		events, rate int
	}{
		{"as fast as it goes", 0, 20 * rate, 0},
		{fmt.Sprintf("%d/s, all healthy", rate), 0, seconds * rate, rate},
		{fmt.Sprintf("%d/s, %d of %d dead or slow", rate/2, badEndpoints, webhookEndpoints), badEndpoints, seconds * rate / 2, rate / 2},
	} {
		b.Progress(load.name)
		m, err := b.deliver(ctx, endpoints, merchants, load.bad, load.events, load.rate)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", load.name, err)
		}
		m.Name = load.name
		report.Measures = append(report.Measures, *m)
	}
	report.PeakMemory = peakMemory()
	b.Progress("checking the invariants")
	checked := &Report{}
	err = b.check(context.WithoutCancel(ctx), checked)
	report.Breaches = checked.Breaches
	return report, err
}

// listen subscribes an endpoint for each merchant, and gives the merchants' ids.
func (b *bench) listen(ctx context.Context, urls []string) ([]string, error) {
	var merchants []string
	for i, m := range b.merchants {
		_, _, err := b.create(ctx, m.Key, "/v1/webhooks", map[string]any{"url": urls[i], "events": []string{"payout.sent"}})
		if err != nil {
			return nil, fmt.Errorf("make a webhook: %w", err)
		}
		var id string
		if err := b.Pool.QueryRow(ctx, "select merchant_id from beneficiaries where id = $1", m.Beneficiary).Scan(&id); err != nil {
			return nil, fmt.Errorf("find a merchant: %w", err)
		}
		merchants = append(merchants, id)
	}
	return merchants, nil
}

// patience is how long a measure waits for what has not arrived.
const patience = 90 * time.Second

// deliver writes events at the rate, or all at once, and waits until the healthy endpoints have them. The first endpoints are the bad ones.
func (b *bench) deliver(ctx context.Context, r *receivers, merchants []string, bad, count, rate int) (*WebhookMeasure, error) {
	if err := r.begin(bad); err != nil {
		return nil, err
	}
	before, err := b.meter.read()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	healthy := 0
	for written, turn := 0, 0; written < count; turn++ {
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(written) * time.Second / time.Duration(rate))))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		at := turn * 37 % len(merchants) // all of them in turn, the bad ones spread among the others
		if err := b.emit(ctx, merchants[at]); err != nil {
			return nil, err
		}
		if written += eventsAtOnce; at >= bad {
			healthy += eventsAtOnce
		}
	}
	m := &WebhookMeasure{Offered: healthy, Rate: float64(count) / time.Since(began).Seconds()}
	arrived, err := r.await(ctx, healthy)
	if err != nil {
		return nil, err
	}
	after, err := b.meter.read()
	if err != nil {
		return nil, err
	}
	m.Got, m.Again, m.P50, m.P99, m.Max = arrived.Got, arrived.Again, arrived.P50, arrived.P99, arrived.Max
	m.Done = float64(arrived.Got) / arrived.Last.Sub(began).Seconds()
	cost := after.since(before, arrived.Got, true)
	m.CPU, m.DB = cost.ServerCPU, cost.PostgresCPU
	return m, nil
}

// emit writes events as payouts do, each of a payout of its own.
func (b *bench) emit(ctx context.Context, merchant string) error {
	return b.server.Runner.Do(ctx, unit.Who{Merchant: merchant, Actor: "bench"}, false, func(ctx context.Context, u *unit.Unit) error {
		for range eventsAtOnce {
			id := ids.New(ids.Payout, u.Now)
			err := events.Emit(ctx, u, events.Event{
				Merchant: merchant, Type: "payout.sent", ObjectType: "payout", ObjectID: id, Sequence: 1, PreviousStatus: "processing",
				Object: &antonv1.Payout{
					Id: id, Status: antonv1.PayoutStatus_sent, BeneficiaryId: "ben_cng3q8s6ek9kc5qg1h1g", Amount: "2500.00", Currency: "USD",
					SourceAmount: "2500.00", SourceCurrency: "USD", DestAmount: "2500.00", DestCurrency: "USD", TotalDebited: "2500.00",
					Reference: "INV-1042", Description: "Invoice 1042", CreatedAt: timestamppb.New(u.Now), UpdatedAt: timestamppb.New(u.Now),
				},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Print writes the report as a table, with the bars that it is held to.
func (r *WebhookReport) Print(w io.Writer) {
	fmt.Fprintf(w, "%-34s %9s %9s %9s %9s %9s %9s %8s %8s\n", "", "offered/s", "told/s", "told", "twice", "p50 ms", "p99 ms", "CPU ms", "DB ms")
	for _, m := range r.Measures {
		fmt.Fprintf(w, "%-34s %9.0f %9.0f %9d %9d %9.1f %9.1f %8.2f %8.2f\n", m.Name, m.Rate, m.Done, m.Got, m.Again, m.P50, m.P99, m.CPU, m.DB)
	}
	fmt.Fprintf(w, "\nThe server's memory was %d MB at most. %d rows break an invariant.\n", r.PeakMemory>>20, len(r.Breaches))
	fmt.Fprintln(w, "Bars, on two cores: 1,000 told a second to 100 endpoints below 250 MB; at half of that with 10 of them dead or slow, p99 below 2,000 ms.")
}

// receivers are the endpoints, in a process of their own.
type receivers struct {
	command *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Scanner
	urls    []string
}

// An arrival is what the endpoints were told since the measure began; times in milliseconds.
type arrival struct {
	Got, Again    int
	P50, P99, Max float64
	Last          time.Time
}

func startReceivers(ctx context.Context, command []string) (*receivers, error) {
	r := &receivers{command: exec.CommandContext(ctx, command[0], command[1:]...)}
	var err error
	if r.ask, err = r.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the endpoints: %w", err)
	}
	out, err := r.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the endpoints: %w", err)
	}
	r.answers = bufio.NewScanner(out)
	r.answers.Buffer(nil, 1<<20)
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start the endpoints: %w", err)
	}
	return r, r.read(&r.urls)
}

func (r *receivers) stop() {
	_ = r.ask.Close() // it ends with its input
	_ = r.command.Wait()
}

func (r *receivers) read(v any) error {
	if !r.answers.Scan() {
		return errors.Join(errors.New("the endpoints ended"), r.answers.Err())
	}
	return json.Unmarshal(r.answers.Bytes(), v)
}

func (r *receivers) begin(bad int) error {
	_, err := fmt.Fprintf(r.ask, "begin %d\n", bad)
	return err
}

// await waits until so many events have arrived, or no further ones come.
func (r *receivers) await(ctx context.Context, count int) (a arrival, err error) {
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if _, err := fmt.Fprintln(r.ask, "tell"); err != nil {
			return a, fmt.Errorf("ask the endpoints: %w", err)
		}
		if err := r.read(&a); err != nil {
			return a, err
		}
		switch {
		case a.Got >= count:
			return a, nil
		case ctx.Err() != nil:
			return a, ctx.Err()
		case time.Since(began) > patience:
			return a, fmt.Errorf("%d of %d events arrived", a.Got, count)
		}
	}
}

// Receive is the endpoints' process: it listens, says where, and does as its input says until that ends.
func Receive(in io.Reader, out io.Writer) error {
	hall := &hall{seen: map[string]bool{}}
	var urls []string
	for i := range webhookEndpoints {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		server := &http.Server{Handler: hall.endpoint(i), ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(listener) }() // ends with the process
		urls = append(urls, "http://"+listener.Addr().String()+"/hook")
	}
	answers := json.NewEncoder(out)
	if err := answers.Encode(urls); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var bad int
		if _, err := fmt.Sscanf(lines.Text(), "begin %d", &bad); err == nil {
			hall.begin(bad)
			continue
		}
		if err := answers.Encode(hall.tell()); err != nil {
			return err
		}
	}
	return nil
}

// A hall is all endpoints and what they were told.
type hall struct {
	mu     sync.Mutex
	bad    int
	seen   map[string]bool
	again  int
	delays []float64
	last   time.Time
}

func (h *hall) begin(bad int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bad, h.seen, h.again, h.delays, h.last = bad, map[string]bool{}, 0, nil, time.Time{}
}

func (h *hall) tell() arrival {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := arrival{Got: len(h.delays), Again: h.again, Last: h.last}
	if len(h.delays) > 0 {
		sorted := slices.Sorted(slices.Values(h.delays))
		at := func(share float64) float64 { return sorted[int(math.Ceil(share*float64(len(sorted))))-1] }
		a.P50, a.P99, a.Max = at(0.5), at(0.99), at(1)
	}
	return a
}

// endpoint is the i-th. Of the bad ones every second one answers nothing, the others a byte a second.
func (h *hall) endpoint(i int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived := time.Now()
		h.mu.Lock()
		bad := i < h.bad
		if id := r.Header.Get("Webhook-Id"); !bad && !h.seen[id] {
			h.seen[id], h.last = true, arrived
			h.delays = append(h.delays, float64(arrived.Sub(happened(string(body))))/float64(time.Millisecond))
		} else if !bad {
			h.again++
		}
		h.mu.Unlock()
		for bad && r.Context().Err() == nil {
			if i%2 == 0 {
				_, _ = w.Write([]byte("x"))
				w.(http.Flusher).Flush()
			}
			time.Sleep(time.Second)
		}
	})
}

// happened is the event's created_at, without parsing what an endpoint of the load does not need.
func happened(body string) time.Time {
	_, rest, _ := strings.Cut(body, `"created_at":"`)
	text, _, _ := strings.Cut(rest, `"`)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Failed says which bars were missed, empty when none was.
func (r *WebhookReport) Failed() []string {
	var missed []string
	for i, m := range r.Measures {
		if m.Got < m.Offered {
			missed = append(missed, m.Name+": not all was told")
		}
		if i == len(r.Measures)-1 && m.P99 > 2000 {
			missed = append(missed, m.Name+": p99 is above 2,000 ms")
		}
	}
	if len(r.Breaches) > 0 {
		missed = append(missed, "invariants are broken: "+strings.Join(r.Breaches[:min(3, len(r.Breaches))], "; "))
	}
	if r.PeakMemory > 250<<20 {
		missed = append(missed, "memory is above 250 MB")
	}
	return missed
}
