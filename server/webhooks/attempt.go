package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/webhooks/verify"
)

const (
	// answerWithin is how long a receiver has, from the first byte we send to the last one we read.
	answerWithin = 15 * time.Second
	// readAtMost is how much of an answer is read, and snippet how many characters of it are kept.
	readAtMost, snippet = 64 << 10, 1024
	// userAgent tells receivers who calls.
	userAgent = "Anton-Webhooks/1 (+https://antonpayments.com)"
)

// errRefused says that an address is none that we call.
var errRefused = errors.New("the address is not reachable from the internet")

// An outcome is what an attempt came to.
type outcome struct {
	job
	at         time.Time
	took       time.Duration
	status     int // 0: there was no answer
	body       string
	err        string // empty: it was taken
	retryAfter time.Duration
}

func (o outcome) ok() bool { return o.err == "" }

// gone says that the receiver wants no more.
func (o outcome) gone() bool { return o.status == http.StatusGone }

// attempt sends the event once.
func (d *Deliverer) attempt(ctx context.Context, j job) outcome {
	o := outcome{job: j, at: d.runner.Now()}
	start := time.Now()
	d.send(ctx, &o)
	o.took = time.Since(start)
	return o
}

func (d *Deliverer) send(ctx context.Context, o *outcome) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := d.request(ctx, o)
	if err != nil {
		d.log.Error("prepare a delivery", slog.String("delivery", o.ID), slog.Any("cause", err))
		o.err = "the request could not be prepared; this is our fault"
		return
	}
	resp, err := d.client.Do(req)
	if err != nil {
		o.err = plain(err)
		return
	}
	defer resp.Body.Close()
	o.status = resp.StatusCode
	text, err := io.ReadAll(io.LimitReader(resp.Body, readAtMost))
	o.body = apierr.Cut(printable(text), snippet)
	switch {
	case err != nil:
		o.err = "the answer did not end: " + plain(err)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		o.err = fmt.Sprintf("answered %d; redirects are not followed", resp.StatusCode)
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		o.err = fmt.Sprintf("answered %d", resp.StatusCode)
		o.retryAfter = retryAfter(resp.Header.Get("Retry-After"), o.at)
	}
}

// request is the event as it is sent: the same bytes every time, signed anew.
func (d *Deliverer) request(ctx context.Context, o *outcome) (*http.Request, error) {
	body, err := events.Body(o.Event)
	if err != nil {
		return nil, err
	}
	secrets, err := d.secrets(o)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.Url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read the address: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	return req, verify.Sign(req.Header, o.Event.ID, o.at, body, secrets...)
}

// secrets are those that sign now: the webhook's, and while a rotation lasts the one before it.
func (d *Deliverer) secrets(o *outcome) ([]string, error) {
	sealed := [][]byte{o.Secret}
	if o.PreviousSecretUntil != nil && o.at.Before(*o.PreviousSecretUntil) {
		sealed = append(sealed, o.PreviousSecret)
	}
	var all []string
	for _, s := range sealed {
		text, err := d.keys.Open(secretPlace(o.MerchantID, o.WebhookID), s)
		if err != nil {
			return nil, err
		}
		all = append(all, string(text))
	}
	return all, nil
}

// plain is what a merchant may read of an error: what went wrong, and nothing of our network.
func plain(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	var header tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.Is(err, errRefused):
		return "the address is not one that can be called: it leads into a private network, or to another port than 443 or 8443"
	case errors.As(err, &dns):
		return "the name could not be resolved"
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid):
		return "the certificate is not valid for this address"
	case errors.As(err, &alert), errors.As(err, &header), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "the TLS handshake failed"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer within 15 seconds"
	case errors.Is(err, context.Canceled):
		return "the server was stopped; the event is sent again"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer"
	case strings.Contains(err.Error(), "response headers exceeded"):
		return "the answer's headers are too long"
	case strings.Contains(err.Error(), "timeout"):
		return "no answer within 15 seconds"
	}
	return "the connection failed"
}

// printable is an answer as it can be stored and shown: text, without zero bytes.
func printable(text []byte) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(text[:min(len(text), 4*snippet)]), "\uFFFD"), "\x00", "\uFFFD")
}

// retryAfterAtMost is how long a receiver may put us off by Retry-After.
const retryAfterAtMost = time.Hour

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), retryAfterAtMost)
}
