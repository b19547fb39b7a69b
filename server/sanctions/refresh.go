package sanctions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/screening/lists"
)

// A Source is where an authority's list is taken from: one path, or the addresses of all its files.
type Source struct {
	Authority lists.Authority
	From      []string
}

// DefaultSource is the address at which the authority itself publishes.
func DefaultSource(authority lists.Authority) Source {
	return Source{authority, []string{lists.Sources[authority].URL}}
}

// ParseSource reads AUTHORITY=PATH or AUTHORITY=URL; the URLs of several files have commas between them.
func ParseSource(text string) (Source, error) {
	word, from, found := strings.Cut(text, "=")
	if !found || from == "" {
		return Source{}, fmt.Errorf("%.100q is not AUTHORITY=PATH or AUTHORITY=URL", text)
	}
	authority, err := lists.ParseAuthority(word)
	if err != nil {
		return Source{}, err
	}
	if authority == lists.Sandbox {
		return Source{}, errors.New("the sandbox brings its own list")
	}
	if !isAddress(from) {
		return Source{authority, []string{from}}, nil
	}
	source := Source{Authority: authority}
	for address := range strings.SplitSeq(from, ",") {
		if err := permittedAddress(strings.TrimSpace(address)); err != nil {
			return Source{}, err
		}
		source.From = append(source.From, strings.TrimSpace(address))
	}
	return source, nil
}

func isAddress(text string) bool { return strings.Contains(text, "://") }

func (s Source) String() string { return strings.Join(s.From, ",") }

// A Refresher gets lists from their sources and has the store take them.
type Refresher struct {
	Store   *Store
	Fetcher Fetcher
	Log     *slog.Logger
	// Sources are the lists to keep fresh, and Every how often each is asked for.
	Sources []Source
	Every   time.Duration
	// Reading, where it is set, is told how many bytes of a list have been read.
	Reading func(authority lists.Authority, read int)
}

// Refresh gets one list, in the name of by. It is recorded whatever comes of it, unless the database does not answer: a list that
// cannot be had leaves the one in force where it is.
func (r *Refresher) Refresh(ctx context.Context, source Source, by string, waiver Waiver) (Taken, error) {
	origin := Origin{Source: source.String(), By: by}
	taken, err := r.refresh(ctx, source, &origin, waiver)
	if err == nil || ctx.Err() != nil {
		return taken, err
	}
	if recordErr := r.Store.Attempt(context.WithoutCancel(ctx), source.Authority, err, origin); recordErr != nil {
		return Taken{}, errors.Join(err, fmt.Errorf("record that: %w", recordErr))
	}
	return Taken{}, err
}

func (r *Refresher) refresh(ctx context.Context, source Source, origin *Origin, waiver Waiver) (Taken, error) {
	path := source.From[0]
	if isAddress(path) {
		dir, err := os.MkdirTemp("", "anton-list-*")
		if err != nil {
			return Taken{}, fmt.Errorf("make a place for the download: %w", err)
		}
		defer os.RemoveAll(dir)
		unchanged, err := r.download(ctx, source, origin, dir)
		if err != nil {
			return Taken{}, err
		}
		if unchanged != "" {
			return Taken{Version: unchanged}, r.Store.Unchanged(ctx, source.Authority, unchanged, *origin)
		}
		path = dir
	}
	list, err := lists.ReadWithProgress(ctx, source.Authority, path, func(read int) {
		if r.Reading != nil {
			r.Reading(source.Authority, read)
		}
	})
	if err != nil {
		if ctx.Err() != nil {
			return Taken{}, ctx.Err()
		}
		return Taken{}, &Refusal{err.Error()}
	}
	return r.Store.Take(ctx, list, *origin, waiver)
}

// download brings the files of a source into the directory. It names the version in force when the server says that this is still its
// file; that is asked only where a list is one file, and only for the version which this source brought.
func (r *Refresher) download(ctx context.Context, source Source, origin *Origin, dir string) (unchanged string, err error) {
	var etag, lastModified, version string
	if len(source.From) == 1 {
		if etag, lastModified, version, err = r.lastTime(ctx, source); err != nil {
			return "", err
		}
	}
	for _, address := range source.From {
		got, err := r.Fetcher.fetch(ctx, address, etag, lastModified, dir)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", source.Authority, address, err)
		}
		origin.ETag, origin.LastModified = got.etag, got.lastModified
		if got.unchanged {
			if origin.ETag == "" {
				origin.ETag = etag
			}
			if origin.LastModified == "" {
				origin.LastModified = lastModified
			}
			return version, nil
		}
	}
	return "", nil
}

// lastTime is what the source's server said of the file that is in force. A list that was read by an older parser is fetched anew.
func (r *Refresher) lastTime(ctx context.Context, source Source) (etag, lastModified, version string, err error) {
	q := db.New(r.Store.Runner.Pool)
	before, err := inForce(ctx, q, source.Authority)
	if err != nil || before == nil || before.Parser != lists.Parser {
		return "", "", "", err
	}
	last, err := q.SanctionsLastSuccess(ctx, string(source.Authority), source.String())
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (last.ListID == nil || *last.ListID != before.ListID) {
		return "", "", "", nil
	}
	if err != nil {
		return "", "", "", fmt.Errorf("read the last refresh: %w", err)
	}
	return last.Etag, last.LastModified, before.ListID, nil
}

const (
	// lookEvery is how often a server looks whether a refresh is due.
	lookEvery = time.Minute
	// claimFor is how long a server has an authority for itself: longer than a download may take with all its tries.
	claimFor = 45 * time.Minute
	// againAfter is when a refresh that failed is tried again.
	againAfter = 20 * time.Minute
	// ByServer is who a server's own refresh is by.
	ByServer = "list_refresh"
)

// Run refreshes what is due until ctx ends. Any number of servers may: each list is taken by one at a time.
func (r *Refresher) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := r.RunOnce(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("refresh the sanctions lists", slog.String("cause", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce refreshes the lists that are due and that no other server is refreshing. The claim also says when the next one is due; a
// server that dies leaves a claim that ends.
func (r *Refresher) RunOnce(ctx context.Context) error {
	q := db.New(r.Store.Runner.Pool)
	var failed error
	for _, source := range r.Sources {
		now := r.Store.Runner.Now()
		_, err := q.SanctionsClaim(ctx, db.SanctionsClaimParams{Authority: string(source.Authority), Now: now, Until: now.Add(claimFor)})
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("claim the refresh of %s: %w", source.Authority, err)
		}
		// A little sooner than said, so that a day's refresh never slips to the next day.
		next := r.Every - rand.N(r.Every/8+1)
		taken, err := r.Refresh(ctx, source, ByServer, Waiver{})
		if err != nil {
			failed, next = errors.Join(failed, err), min(next, againAfter)
		} else if taken.New {
			r.Log.Info("a sanctions list was refreshed", slog.String("version", taken.Version), slog.Int("entries", taken.Entries), slog.Int("before", taken.Before))
		}
		until := r.Store.Runner.Now().Add(next)
		if err := q.SanctionsClaimUntil(context.WithoutCancel(ctx), until, string(source.Authority)); err != nil {
			return errors.Join(failed, fmt.Errorf("say when %s is due: %w", source.Authority, err))
		}
	}
	return failed
}
