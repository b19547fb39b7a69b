package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/xid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// A Merchant is whom the load pays out for: its key and a beneficiary of its own.
type Merchant struct {
	Key         string `json:"key"`
	Beneficiary string `json:"beneficiary"`
}

// An order is what the process that makes the load is told, as JSON, on its standard input. Once it said that it is warm, it waits until that
// is closed: on a busy machine the load would be over before the meters are read.
type order struct {
	Over      string        `json:"over"` // rest or grpc
	Address   string        `json:"address"`
	Clients   int           `json:"clients"`
	Duration  time.Duration `json:"duration"`
	Merchants []Merchant    `json:"merchants"`
}

// A line is what that process tells on its standard output: once that it is warm, then how far it is, at last the result.
type line struct {
	Warm   bool  `json:"warm,omitempty"`
	Done   int64 `json:"done,omitempty"`
	Result *Load `json:"result,omitempty"`
}

// Load is how a load was answered. Latencies are in milliseconds and of the payouts that were created.
type Load struct {
	Seconds      float64 `json:"seconds"`
	Done         int     `json:"done"`
	Failed       int     `json:"failed"`
	FirstFailure string  `json:"first_failure,omitempty"`
	P50          float64 `json:"p50_ms"`
	P95          float64 `json:"p95_ms"`
	P99          float64 `json:"p99_ms"`
}

// load has another process make the load, and reads the meters when it is warm and when it is over.
func (b *bench) load(ctx context.Context, name, over, address string) (*Measure, error) {
	text, err := json.Marshal(order{over, address, b.Clients, b.Duration, b.merchants})
	if err != nil {
		return nil, fmt.Errorf("write the load's order: %w", err)
	}
	cmd := exec.CommandContext(ctx, b.Client[0], b.Client[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it reports what it has
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	_, writeErr := in.Write(text)
	m, err := b.follow(name, json.NewDecoder(out), in)
	err = errors.Join(writeErr, err)
	_ = in.Close() // the load may still wait for it
	waitErr := cmd.Wait()
	switch {
	case m != nil:
		return m, nil
	case waitErr != nil:
		return nil, fmt.Errorf("the load: %w: %s", waitErr, bytes.TrimSpace(said.Bytes()))
	}
	return nil, fmt.Errorf("the load's report: %w", err)
}

// follow reads what the load tells, and closes start when the load may start.
func (b *bench) follow(name string, lines *json.Decoder, start io.Closer) (*Measure, error) {
	var before reading
	for {
		var l line
		if err := lines.Decode(&l); err != nil {
			return nil, err
		}
		var err error
		switch {
		case l.Warm:
			if before, err = b.meter.read(); err != nil {
				return nil, err
			}
			if err := start.Close(); err != nil {
				return nil, fmt.Errorf("start the load: %w", err)
			}
		case l.Result != nil:
			after, err := b.meter.read()
			if err != nil {
				return nil, err
			}
			return &Measure{Load: *l.Result, Cost: after.since(before, l.Result.Done, true)}, nil
		default:
			b.Progress(fmt.Sprintf("%s: %d", name, l.Done))
		}
	}
}

// warmUp is how long the load runs before it is measured: connections are opened, statements prepared, caches filled.
const warmUp = time.Second

// Drive is the other process: it makes the load that in asks for, with clients that each wait for an answer before they ask again, and
// tells on out how it goes. When ctx ends it stops early and tells what it has.
func Drive(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	told := json.NewDecoder(in)
	if err := told.Decode(&o); err != nil {
		return fmt.Errorf("read the order on standard input (this command is for `anton bench` itself): %w", err)
	}
	create, closeAll, err := connect(o)
	if err != nil {
		return err
	}
	defer closeAll()
	tell := json.NewEncoder(out)
	run(ctx, o, min(warmUp, o.Duration), create, nil)
	if err := tell.Encode(line{Warm: true}); err != nil {
		return err
	}
	if _, err := told.Token(); !errors.Is(err, io.EOF) {
		return errors.New("standard input goes on after the order")
	}
	result := run(ctx, o, o.Duration, create, func(done int64) { _ = tell.Encode(line{Done: done}) })
	return tell.Encode(line{Result: result})
}

// creator creates one payout.
type creator func(m Merchant, key, amount string) error

// run keeps all clients busy for the time given. What is under way when it is over is waited for; each client creates one payout at
// least, so that a measure of a short time on a machine that is busy with others is a measure.
func run(ctx context.Context, o order, duration time.Duration, create creator, progress func(int64)) *Load {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var all atomic.Int64
	began := time.Now()
	took, failures := make([][]time.Duration, o.Clients), make([][]error, o.Clients)
	var clients sync.WaitGroup
	for i := range o.Clients {
		clients.Go(func() {
			for more := true; more; more = ctx.Err() == nil {
				m := o.Merchants[rand.IntN(len(o.Merchants))]
				start := time.Now()
				if err := create(m, "bench-"+xid.New().String(), fmt.Sprintf("%d.%02d", 1+rand.IntN(99), rand.IntN(100))); err != nil {
					failures[i] = append(failures[i], err)
					continue
				}
				took[i] = append(took[i], time.Since(start))
				all.Add(1)
			}
		})
	}
	if progress != nil {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
				progress(all.Load())
			case <-ctx.Done():
			}
		}
	}
	clients.Wait()
	return newLoad(time.Since(began), slices.Concat(took...), slices.Concat(failures...))
}

func newLoad(elapsed time.Duration, took []time.Duration, failures []error) *Load {
	slices.Sort(took)
	l := &Load{Seconds: elapsed.Seconds(), Done: len(took), Failed: len(failures)}
	l.P50, l.P95, l.P99 = percentile(took, 50), percentile(took, 95), percentile(took, 99)
	if len(failures) > 0 {
		l.FirstFailure = failures[0].Error()
	}
	return l
}

// percentile is the nearest-rank percentile of sorted times, in milliseconds: p of a hundred took no longer.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return float64(sorted[max(rank, 1)-1].Microseconds()) / 1000
}

// connect opens what the clients call through: a kept connection each for REST, one for every eight for gRPC, which shares them.
func connect(o order) (creator, func(), error) {
	if o.Over == "rest" {
		transport := &http.Transport{MaxIdleConns: o.Clients, MaxIdleConnsPerHost: o.Clients, DisableCompression: true}
		client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
		create := func(m Merchant, key, amount string) error { return createOverREST(client, o.Address, m, key, amount) }
		return create, transport.CloseIdleConnections, nil
	}
	var conns []*grpc.ClientConn
	closeAll := func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	for range (o.Clients + 7) / 8 {
		conn, err := grpc.NewClient(o.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("connect over gRPC: %w", err)
		}
		conns = append(conns, conn)
	}
	var next atomic.Uint64
	return func(m Merchant, key, amount string) error {
		return createOverGRPC(conns[next.Add(1)%uint64(len(conns))], m, key, amount)
	}, closeAll, nil
}

func createOverREST(client *http.Client, address string, m Merchant, key, amount string) error {
	body := `{"beneficiary_id":"` + m.Beneficiary + `","amount":"` + amount + `","currency":"USD","reference":"INV-1042"}`
	answer, err := post(client, "http://"+address+"/v1/payouts", m.Key, key, []byte(body))
	if err == nil && !bytes.Contains(answer, []byte(`"id"`)) {
		err = errors.New("an answer without an id")
	}
	return err
}

// post makes a request and gives the body of a 201; every other answer is an error.
func post(client *http.Client, url, credentials, idempotencyKey string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+credentials)
	req.Header.Set("Content-Type", "application/json")
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, &refusal{resp.Status, resp.StatusCode, answer}
	}
	return answer, nil
}

// A refusal is an answer other than 201.
type refusal struct {
	status string
	code   int
	body   []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("%s: %s", r.status, r.body) }

func createOverGRPC(conn *grpc.ClientConn, m Merchant, key, amount string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+m.Key, "idempotency-key", key)
	answer, err := antonv1.NewPayoutsServiceClient(conn).CreatePayout(ctx, &antonv1.CreatePayoutRequest{
		BeneficiaryId: m.Beneficiary, Amount: amount, Currency: "USD", Reference: "INV-1042",
	})
	if err == nil && answer.GetData().GetId() == "" {
		err = errors.New("an answer without an id")
	}
	return err
}
