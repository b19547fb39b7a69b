package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/antonpayments/anton/server/contract"
)

func TestEveryBadValueIsRefusedOverGRPC(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		said := 0
		for i, trial := range trials(m, fixture(t, m, tn)) {
			if trial.kind == asJSON || trial.kind == asText || (trial.kind == unknown && placeOf(m, "") != inBody) {
				continue
			}
			msg := message(t, m, trial.req)
			if msg == nil {
				continue // such as a number that no int32 holds
			}
			said++
			checkGRPC(t, trial.what, invoke(t, s, clients[m.Name].Key, m, msg, "idempotency-key", fmt.Sprint("trial ", i)), trial.want)
		}
		if said == 0 && m.Descriptor.Input().Fields().Len() > 0 {
			t.Error("nothing was tried")
		}
	})
}

func TestAMessageThatIsTooLargeIsRefusedOverGRPC(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for _, size := range []int{m.MaxMessage, m.MaxMessage + 5<<20} {
			big := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), strings.Repeat("a", size))
			r := invoke(t, s, clients[m.Name].Key, m, big, "idempotency-key", "big")
			checkGRPC(t, fmt.Sprint(len(big), " bytes"), r, want{code: "payload_too_large"})
			checkGRPC(t, fmt.Sprint(len(big), " bytes of a stranger"), invoke(t, s, "", m, big), want{code: "unauthenticated"})
			r = invoke(t, s, clients[m.Name].Key, m, gzipped(big), "idempotency-key", "bomb")
			checkGRPC(t, fmt.Sprint(len(big), " bytes within some thousand"), r, want{code: "payload_too_large"})
		}
		r := invoke(t, s, clients[m.Name].Key, m, gzipped("\xff"), "idempotency-key", "noise")
		checkGRPC(t, "noise within gzip", r, want{"validation_error", wholeRequest})
		if !m.ReadOnly {
			r := invoke(t, s, clients[m.Name].Key, m, message(t, m, fixture(t, m, tn)), "idempotency-key", strings.Repeat("k", 256))
			checkGRPC(t, "an Idempotency-Key of 256 characters", r, want{"validation_error", "Idempotency-Key"})
		}
	})
}
