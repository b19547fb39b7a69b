package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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

func TestAMessageAboveOneMebibyteIsRefusedOverGRPC(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		big := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), strings.Repeat("a", 1<<20))
		r := invoke(t, s, clients[m.Name].Key, m, big, "idempotency-key", "big")
		checkGRPC(t, "1 MiB and a few bytes", r, want{code: "payload_too_large"})
		huge := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), strings.Repeat("a", 4<<20))
		if r := invoke(t, s, clients[m.Name].Key, m, huge, "idempotency-key", "huge"); status.Code(r.err) != codes.ResourceExhausted {
			t.Errorf("4 MiB and a few bytes: answered %v", r.err)
		}
		if !m.ReadOnly {
			r := invoke(t, s, clients[m.Name].Key, m, message(t, m, fixture(t, m, tn)), "idempotency-key", strings.Repeat("k", 256))
			checkGRPC(t, "an Idempotency-Key of 256 characters", r, want{"validation_error", "Idempotency-Key"})
		}
	})
}
