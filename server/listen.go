package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/gateway"
	"github.com/antonpayments/anton/server/webhooks/verify"
)

type listenCommand struct {
	ForwardTo string   `help:"Where to POST each event, signed as a webhook is, such as http://localhost:3000/hook. When absent, events are only printed." placeholder:"URL"`
	Events    []string `help:"Only these: types such as payout.sent, families such as payout.*; everything when absent." placeholder:"TYPE"`
	Secret    string   `help:"Signing secret, whsec_ and base64, to keep it between starts; a fresh one when absent." env:"ANTON_WEBHOOK_SECRET" placeholder:"SECRET"`
	GRPCAddr  string   `name:"grpc-addr" help:"Address of a running server's gRPC." default:"127.0.0.1:9090" env:"ANTON_GRPC_ADDR" placeholder:"ADDR"`
	APIKey    string   `help:"The merchant's key, with webhooks:read; when absent, the one of sandbox.env." env:"ANTON_API_KEY" placeholder:"KEY"`
	Data      string   `help:"The server's data directory." default:"./data" env:"ANTON_DATA" type:"path" placeholder:"DIR"`
}

// Help says what a developer does with it.
func (listenCommand) Help() string {
	return `Streams your events as they happen, prints them, and forwards them to a program on your machine, signed as a webhook is: no address that
the internet can reach is needed. In another terminal, make something happen with "anton trigger".

  anton listen --forward-to http://localhost:3000/hook
  anton trigger payout.returned

What the program does not take is not sent again: its answer is printed. When the server restarts, the stream goes on where it was.`
}

// A listener is one run of the command.
type listener struct {
	*listenCommand
	out    io.Writer
	client *http.Client
	cursor string // of the last message; empty before the first one
}

// Run streams until ctx ends.
func (c *listenCommand) Run(ctx context.Context) error {
	if c.APIKey == "" {
		file, err := readSandboxFile(c.Data)
		if err != nil {
			return fmt.Errorf("there is no key: give one with --api-key, or say with --data where the server's sandbox.env is: %w", err)
		}
		c.APIKey = file.APIKey
	}
	if c.ForwardTo != "" {
		if u, err := url.Parse(c.ForwardTo); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("--forward-to %s is no address such as http://localhost:3000/hook", c.ForwardTo)
		}
	}
	if c.Secret == "" {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it never fails: see crypto/rand
		c.Secret = verify.Prefix + base64.StdEncoding.EncodeToString(key)
	}
	if err := verify.Sign(http.Header{}, "evt", time.Now(), nil, c.Secret); err != nil {
		return fmt.Errorf("--secret: %w", err)
	}
	l := &listener{listenCommand: c, out: os.Stdout, client: &http.Client{
		Timeout:       30 * time.Second, // as long as somebody needs who steps through a handler; a webhook has 15 seconds
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return l.run(ctx)
}

func (l *listener) run(ctx context.Context) error {
	conn, err := grpc.NewClient(l.GRPCAddr, grpc.WithTransportCredentials(transport(l.GRPCAddr)))
	if err != nil {
		return fmt.Errorf("reach %s: %w", l.GRPCAddr, err)
	}
	defer conn.Close()
	if l.ForwardTo != "" {
		fmt.Fprintf(l.out, "Signing secret: %s\n", l.Secret)
	}
	for wait := time.Duration(0); ; wait = min(max(2*wait, 500*time.Millisecond), 10*time.Second) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		before := l.cursor
		err := l.stream(ctx, antonv1.NewEventsServiceClient(conn))
		switch {
		case ctx.Err() != nil:
			return nil
		case !passes(err):
			return errors.New(status.Convert(err).Message())
		case l.cursor != before || wait == 0:
			fmt.Fprintf(l.out, "The server at %s is gone; waiting for it.\n", l.GRPCAddr)
			wait = 0
		}
	}
}

// passes says whether the stream ended for a reason that goes by: the server stopped, or is not there.
func passes(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Internal, codes.Unknown:
		return true
	}
	return errors.Is(err, io.EOF)
}

// stream takes events until the stream ends: from now at first, then from where it was.
func (l *listener) stream(ctx context.Context, client antonv1.EventsServiceClient) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+l.APIKey)
	stream, err := client.WatchEvents(ctx, &antonv1.WatchEventsRequest{FromNow: l.cursor == "", Cursor: l.cursor, Types: l.Events})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		got, err := stream.Recv()
		if err != nil {
			return err
		}
		if first {
			fmt.Fprintln(l.out, "Listening. Ctrl-C stops it.")
		}
		if got.GetData() != nil {
			if err := l.take(ctx, got.GetData()); err != nil {
				return err
			}
		}
		l.cursor = got.GetCursor()
	}
}

// take prints an event and forwards it. Only what ends the command is an error.
func (l *listener) take(ctx context.Context, e *antonv1.Event) error {
	fmt.Fprintf(l.out, "%s  %-24s %s  %s", e.GetCreatedAt().AsTime().Format("15:04:05.000"), e.GetType(), e.GetObjectId(), e.GetId())
	defer fmt.Fprintln(l.out)
	if l.ForwardTo == "" {
		return nil
	}
	body, err := gateway.Marshaler{}.Marshal(e)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.ForwardTo, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if err := verify.Sign(req.Header, e.GetId(), time.Now(), body, l.Secret); err != nil {
		return err
	}
	start := time.Now()
	resp, err := l.client.Do(req)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		fmt.Fprintf(l.out, "  → %v", err)
		return nil
	}
	_ = resp.Body.Close()
	fmt.Fprintf(l.out, "  → %d (%d ms)", resp.StatusCode, time.Since(start).Milliseconds())
	return nil
}

// transport is TLS, but for a server on this machine.
func transport(addr string) credentials.TransportCredentials {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "localhost" || (ip != nil && ip.IsLoopback())) {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
}
