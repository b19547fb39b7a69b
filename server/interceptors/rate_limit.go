package interceptors

import (
	"fmt"
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// limits holds one bucket a merchant (an operator's key has its own): full it holds a minute's requests, and it fills evenly. Each
// server counts for itself.
type limits struct {
	mu      sync.Mutex
	buckets *lru.Cache[string, *rate.Limiter]
}

func newLimits() *limits {
	buckets, err := lru.New[string, *rate.Limiter](100_000)
	if err != nil {
		panic(err) // only for a size of zero
	}
	return &limits{buckets: buckets}
}

func (l *limits) take(caller *call.Caller, now time.Time, header func(key, value string)) error {
	limit := call.PerMinute * max(1, int(caller.RateMultiplier))
	bucket := l.bucket(caller.Owner(), limit)
	ok := bucket.AllowN(now, 1)
	left := max(0, bucket.TokensAt(now))
	untilFull := time.Duration((float64(limit) - left) / float64(bucket.Limit()) * float64(time.Second))
	header("x-ratelimit-limit", fmt.Sprint(limit))
	header("x-ratelimit-remaining", fmt.Sprint(math.Floor(left)))
	header("x-ratelimit-reset", fmt.Sprint(now.Add(untilFull).Add(time.Second-1).Unix()))
	if ok {
		return nil
	}
	e := apierr.New(antonv1.ErrorCode_rate_limited, "More than %d requests in a minute. Wait as Retry-After says.", limit)
	e.RetryAfter = time.Duration((1 - left) / float64(bucket.Limit()) * float64(time.Second))
	return e
}

func (l *limits) bucket(owner string, limit int) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.buckets.Get(owner)
	if !ok || bucket.Burst() != limit { // a new multiplier starts a new bucket
		bucket = rate.NewLimiter(rate.Limit(float64(limit)/60), limit)
		l.buckets.Add(owner, bucket)
	}
	return bucket
}
