package webhooks

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/net/idna"

	"github.com/antonpayments/anton/server/apierr"
)

// ports are where a webhook may be. Anything else would make us a scanner of other people's networks.
var ports = []uint16{443, 8443}

// A guard decides which addresses may be called. What counts is the address that is dialled, after the name was resolved: a name may
// resolve to something else every time it is asked for.
type guard struct {
	public *ssrf.Guardian
	// loopback lets the sandbox call a developer's own machine.
	loopback bool
}

func newGuard(loopback bool) *guard {
	return &guard{public: ssrf.New(ssrf.WithPorts(ports...)), loopback: loopback}
}

// control is the dialer's last word, called with the address of each connection before it is made.
func (g *guard) control(network, address string, c syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err == nil && g.loopback && to.Addr().Unmap().IsLoopback() {
		return nil
	}
	if err := g.public.Safe(network, address, c); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}

// client makes the HTTP client of all deliveries. It follows no redirect, asks no proxy, unpacks nothing, and reads no more headers than
// it must. A nil resolver is the system's.
func (g *guard) client(resolver *net.Resolver) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: g.control, Resolver: resolver}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: nil, // the environment's would be asked to go where we may not
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConns:           1000,
			MaxIdleConnsPerHost:    maxWindow,
			IdleConnTimeout:        time.Minute,
			WriteBufferSize:        2 << 10,
			ReadBufferSize:         2 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// check says early what the dialer would say late: it refuses what can never be called.
func (g *guard) check(text string) error {
	invalid := func(format string, args ...any) error { return apierr.InvalidField("url", format, args...) }
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return invalid("must be an address such as https://example.com/hooks/anton")
	case u.User != nil:
		return invalid("must hold no user name and no password: requests are signed")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return invalid("must have no fragment")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return invalid("must have no spaces and no control characters")
	}
	host := strings.ToLower(u.Hostname())
	ip, err := netip.ParseAddr(host)
	switch number, bad := strconv.ParseUint(u.Port(), 10, 16); {
	case err == nil && ip.Zone() != "":
		return invalid("must have no zone in its address: what it means, only one machine knows")
	case u.Port() != "" && (bad != nil || number == 0):
		return invalid("must have a port from 1 to 65535, or none")
	}
	local := host == "localhost" || (err == nil && ip.Unmap().IsLoopback())
	if local && g.loopback {
		if u.Scheme != "http" && u.Scheme != "https" {
			return invalid("must begin with https:// or http://")
		}
		return nil
	}
	if u.Scheme != "https" {
		return invalid("must begin with https://")
	}
	if local || (err == nil && g.public.SafeAddr(ip) != nil) || (err != nil && !public(host)) {
		return invalid("must be reachable from the internet; %s is not", host)
	}
	if port := u.Port(); port != "" && !slices.ContainsFunc(ports, func(p uint16) bool { return port == fmt.Sprint(p) }) {
		return invalid("must be on port 443 or 8443")
	}
	return nil
}

// inward are names that never lead to the internet: RFC 6761 and 6762, RFC 8375, and ICANN's resolution 2024.07.29.06 on .internal.
var inward = []string{"localhost", "local", "home.arpa", "internal"}

// public says whether a host can be the name of one on the internet, as resolvers and browsers read it: full-width digits and other ways
// to write a dot are turned into plain ones first, and a name that ends in a number is an odd spelling of an address, not a name.
func public(host string) bool {
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	last := ""
	for last = range strings.SplitSeq(name, ".") {
		if last == "" || len(last) > 63 {
			return false
		}
	}
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || last[0] >= '0' && last[0] <= '9' {
		return false
	}
	return !slices.ContainsFunc(inward, func(end string) bool { return strings.HasSuffix("."+name, "."+end) })
}
