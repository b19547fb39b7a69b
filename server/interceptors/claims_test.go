package interceptors

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// Many calls of one key that each take their turn outlast the five seconds that one call may take: the last is answered as the second is.
func TestACallWaitsForOneCallNotForAllOfThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClaims()
		for range 64 {
			go func() {
				release, err := c.turn(t.Context(), "key")
				if err != nil {
					t.Errorf("it did not wait: %v", err)
					return
				}
				time.Sleep(keyWait / 10)
				release()
			}()
		}
		synctest.Wait()
		time.Sleep(64 * keyWait / 10)
		synctest.Wait()
		if len(c.keys) != 0 {
			t.Errorf("%d keys are in use", len(c.keys))
		}
	})
}

func TestACallThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClaims()
		release, err := c.turn(t.Context(), "key")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = c.turn(t.Context(), "key")
		if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Code != antonv1.ErrorCode_idempotency_in_progress || time.Since(began) != keyWait {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		release()
		if len(c.keys) != 0 {
			t.Errorf("%d keys are in use", len(c.keys))
		}
	})
}
