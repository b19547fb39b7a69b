package webhooks

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// The addresses of reliability's list: none may be dialled from a live server, on whatever port.
func TestTheDialerRefusesWhatIsNotTheInternet(t *testing.T) {
	t.Parallel()
	live, sandbox := newGuard(false), newGuard(true)
	for address, allowed := range map[string][2]bool{ // live, sandbox
		"127.0.0.1:443":                      {false, true},
		"127.9.9.9:443":                      {false, true},
		"[::1]:443":                          {false, true},
		"[::ffff:127.0.0.1]:443":             {false, true},
		"0.0.0.0:443":                        {},
		"[::]:443":                           {},
		"10.1.2.3:443":                       {},
		"172.16.0.1:443":                     {},
		"192.168.0.1:443":                    {},
		"100.64.0.1:443":                     {},
		"169.254.169.254:443":                {}, // the metadata of the clouds
		"[fd00:ec2::254]:443":                {},
		"[::ffff:169.254.169.254]:443":       {},
		"[::ffff:10.0.0.1]:443":              {},
		"[64:ff9b::a9fe:a9fe]:443":           {}, // NAT64 of 169.254.169.254
		"[64:ff9b:1::a9fe:a9fe]:443":         {},
		"[2002:a9fe:a9fe::1]:443":            {}, // 6to4
		"[2001:0:53aa:64c:0:fbff:5601:1]:80": {}, // Teredo
		"[fe80::1]:443":                      {},
		"[fc00::1]:443":                      {},
		"[ff02::1]:443":                      {},
		"224.0.0.1:443":                      {},
		"255.255.255.255:443":                {},
		"198.18.0.1:443":                     {},
		"192.0.2.1:443":                      {},
		"93.184.216.34:22":                   {},
		"93.184.216.34:80":                   {},
		"93.184.216.34:443":                  {true, true},
		"93.184.216.34:8443":                 {true, true},
		"[2606:2800:220:1::1]:443":           {true, true},
		"not an address":                     {},
	} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		for i, g := range []*guard{live, sandbox} {
			if err := g.control(network, address, nil); (err == nil) != allowed[i] || (err != nil && !errors.Is(err, errRefused)) {
				t.Errorf("%s, sandbox %t: %v", address, g.loopback, err)
			}
		}
	}
	if live.control("udp4", "93.184.216.34:443", nil) == nil {
		t.Error("it lets UDP out")
	}
}

// Every spelling of loopback that a system may understand ends at the dialer, or earlier.
func TestOddSpellingsReachNothing(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer receiver.Close()
	_, port, err := net.SplitHostPort(receiver.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := newGuard(false).client(rebinding(t, "127.0.0.1"))
	for _, host := range []string{
		"127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "localhost", "localhost.", "a.name.of.somebody",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+":"+port+"/", http.NoBody)
		if err == nil {
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
				t.Errorf("%s was reached", host)
			}
		}
		cancel()
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("it was reached %d times", n)
	}
}

// A name that resolves to a public address when it is first asked for and to this machine afterwards: what counts is what is dialled.
func TestANameThatChangesItsAnswerIsRefused(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer receiver.Close()
	_, port, _ := net.SplitHostPort(receiver.Listener.Addr().String())
	resolver := rebinding(t, "93.184.216.34", "127.0.0.1", "169.254.169.254", "10.0.0.1")
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebinding.example.")
	if err != nil || first[0].String() != "93.184.216.34" {
		t.Fatalf("the resolver of the test says %v, %v", first, err)
	}
	client := newGuard(false).client(resolver)
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://rebinding.example:"+port+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, errRefused) || strings.Contains(plain(err), "127.0.0.1") {
			t.Errorf("it was let through: %v", err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("it was reached %d times", n)
	}
}

// The environment's proxies would be asked to go where we may not.
func TestTheEnvironmentsProxiesAreNotAsked(t *testing.T) { //nolint:paralleltest // it sets the environment
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	if os.Getenv("HTTP_PROXY") == "" {
		t.Fatal("the test sets nothing")
	}
	client := newGuard(false).client(rebinding(t, "10.0.0.1"))
	for _, url := range []string{"http://somewhere.example/", "https://somewhere.example/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the proxy was asked %d times", n)
	}
}

// rebinding is a resolver whose every name has the addresses given, one after the other, the last one for good. It asks a DNS server of
// the test's own.
func rebinding(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	server, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	var asked atomic.Int64
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(packet[:n]) != nil || len(query.Questions) == 0 {
				continue
			}
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true}, Questions: query.Questions}
			if q := query.Questions[0]; q.Type == dnsmessage.TypeA {
				i := min(asked.Add(1), int64(len(answers))) - 1
				answer.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
					Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(answers[i]).To4())},
				}}
			}
			if text, err := answer.Pack(); err == nil {
				_, _ = server.WriteTo(text, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// FuzzAddress: an address that a live server takes is https on a port that is open to webhooks, holds no secret, and does not say in
// numbers what the dialer would refuse.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/hooks/anton", "https://93.184.216.34:8443/", "https://[::1]/", "https://[::ffff:10.0.0.1]/x", "https://a:b@example.com", "http://example.com",
		"https://example.com:22", "https://169.254.169.254", "https:example.com", "https://exa mple.com", "https://example.com/#x", "https://example.com:/", "HTTPS://x",
	} {
		f.Add(seed)
	}
	g := newGuard(false)
	f.Fuzz(func(t *testing.T, text string) {
		if g.check(text) != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || !slices.Contains([]string{"", "443", "8443"}, u.Port()) {
			t.Fatalf("%q was taken", text)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			network := "tcp4"
			if ip.Is6() {
				network = "tcp6"
			}
			if err := g.control(network, netip.AddrPortFrom(ip, 443).String(), nil); err != nil {
				t.Fatalf("%q was taken, and will never be dialled: %v", text, err)
			}
		}
	})
}
