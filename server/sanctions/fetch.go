package sanctions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	longestDownload = 10 * time.Minute
	largestDownload = 512 << 20 // bytes, as they travel
	// stallAfter is how long a server may send nothing.
	stallAfter = time.Minute
	// tries is how often a download is begun, and backoff the wait after the first one that failed; it grows fourfold.
	tries        = 3
	backoff      = 2 * time.Second
	mostRedirect = 5
)

// A Fetcher downloads the files of authorities. The zero value is ready.
type Fetcher struct {
	// Progress, where it is set, is told how much of a file has come; total is -1 while nobody knows.
	Progress func(file string, done, total int64)
	// wait is the first wait between tries; tests make it short.
	wait, stall time.Duration
}

// A download is a file that came, or the word that it has not changed.
type download struct {
	path               string
	unchanged          bool
	etag, lastModified string
}

// errGiveUp marks an answer that another try would not change.
var errGiveUp = errors.New("")

// fetch downloads an address into the directory, in several tries. etag and lastModified are what the server said the last time; with
// them it may answer that nothing changed.
func (f *Fetcher) fetch(ctx context.Context, address, etag, lastModified, dir string) (download, error) {
	if err := permittedAddress(address); err != nil {
		return download{}, err
	}
	wait := f.wait
	if wait == 0 {
		wait = backoff
	}
	for try := 1; ; try++ {
		got, err := f.once(ctx, address, etag, lastModified, dir)
		if err == nil || try == tries || ctx.Err() != nil || errors.Is(err, errGiveUp) {
			return got, err
		}
		select {
		case <-ctx.Done():
			return download{}, ctx.Err()
		case <-time.After(wait/2 + rand.N(wait)): // not in step with everyone else's
		}
		wait *= 4
	}
}

// permittedAddress: a list is what stops payments, so it is not fetched from an address that anyone on the way could answer for.
func permittedAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%.200q is no address: %w", address, errors.Unwrap(err))
	}
	if u.Scheme == "https" && u.Host != "" || u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%.200s: only https is fetched", u.Redacted())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (f *Fetcher) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: time.Minute,
			DialContext: (&net.Dialer{Timeout: 15 * time.Second}).DialContext, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > mostRedirect {
				return fmt.Errorf("%w%d redirects and no file", errGiveUp, mostRedirect)
			}
			if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return fmt.Errorf("%wit redirects to %s: only https is fetched", errGiveUp, req.URL.Redacted())
			}
			if err := permittedAddress(req.URL.String()); err != nil {
				return fmt.Errorf("%wit redirects elsewhere: %w", errGiveUp, err)
			}
			return nil
		},
	}
}

func (f *Fetcher) once(ctx context.Context, address, etag, lastModified, dir string) (download, error) {
	ctx, cancel := context.WithTimeout(ctx, longestDownload)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return download{}, fmt.Errorf("ask for %s: %w", address, err)
	}
	req.Header.Set("User-Agent", "Anton (sanctions list refresh)")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if lastModified != "" {
		req.Header.Set("If-Modified-Since", lastModified)
	}
	resp, err := f.client().Do(req)
	if err != nil {
		return download{}, fmt.Errorf("fetch it: %w", err)
	}
	defer resp.Body.Close()
	got := download{etag: resp.Header.Get("ETag"), lastModified: resp.Header.Get("Last-Modified")}
	switch {
	case resp.StatusCode == http.StatusNotModified && (etag != "" || lastModified != ""):
		got.unchanged = true
		return got, nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return download{}, fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return download{}, fmt.Errorf("%w%s answers %s", errGiveUp, req.URL.Host, resp.Status)
	case resp.ContentLength > largestDownload:
		return download{}, fmt.Errorf("%wthe file is larger than %d MB", errGiveUp, largestDownload>>20)
	}
	got.path, err = f.keep(resp, fileName(address), dir, cancel)
	return got, err
}

// keep writes the body to a file. What does not come whole is no file: a length that was announced is held to by net/http.
func (f *Fetcher) keep(resp *http.Response, name, dir string, cancel func()) (string, error) {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("make a file for it: %w", err)
	}
	stall := f.stall
	if stall == 0 {
		stall = stallAfter
	}
	watchdog := time.AfterFunc(stall, cancel)
	defer watchdog.Stop()
	body := &observed{in: resp.Body, on: func(done int64) {
		watchdog.Reset(stall)
		if f.Progress != nil {
			f.Progress(name, done, resp.ContentLength)
		}
	}}
	n, err := io.Copy(file, io.LimitReader(body, largestDownload+1))
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "", errors.New("the download was cut off")
	case err != nil:
		return "", fmt.Errorf("download it: %w", err)
	case n > largestDownload:
		return "", fmt.Errorf("%wthe file is larger than %d MB", errGiveUp, largestDownload>>20)
	}
	return file.Name(), nil
}

// fileName is a safe name for what lies at an address.
func fileName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "list"
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, path.Base(u.Path))
	if name = strings.TrimLeft(name, "."); name == "" || len(name) > 100 {
		return "list"
	}
	return name
}

// observed counts what is read.
type observed struct {
	in   io.Reader
	done int64
	on   func(done int64)
}

func (o *observed) Read(p []byte) (int, error) {
	n, err := o.in.Read(p)
	o.done += int64(n)
	o.on(o.done)
	return n, err
}
