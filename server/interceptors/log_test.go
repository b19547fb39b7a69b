package interceptors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/unit"
)

func TestALineACall(t *testing.T) {
	t.Parallel()
	merchant, operator := &call.Caller{KeyID: "key_1", Merchant: "mer_1"}, &call.Caller{KeyID: "key_2"}
	for name, tt := range map[string]struct {
		caller *call.Caller
		takes  time.Duration
		err    error
		want   map[string]any
	}{
		"a success":   {merchant, time.Second, nil, map[string]any{"level": "INFO", "code": "ok", "key_id": "key_1", "merchant_id": "mer_1"}},
		"a slow one":  {operator, time.Second + 1, nil, map[string]any{"level": "WARN", "code": "ok", "key_id": "key_2", "merchant_id": nil}},
		"a stranger":  {nil, 0, unauthenticated(), map[string]any{"level": "INFO", "code": "unauthenticated", "key_id": nil, "cause": nil}},
		"a refusal":   {merchant, 0, &apierr.Error{Code: antonv1.ErrorCode_validation_error, Cause: errors.New("quotes")}, map[string]any{"level": "INFO", "code": "validation_error", "cause": nil}},
		"a slow stop": {merchant, time.Hour, apierr.Internal(errors.New("why")), map[string]any{"level": "ERROR", "code": "internal", "cause": "why"}},
		"a fault":     {merchant, 0, apierr.Internal(errors.New("why")), map[string]any{"level": "ERROR", "code": "internal", "cause": "why"}},
		"no answer":   {merchant, 0, apierr.Unavailable(errors.New("why")), map[string]any{"level": "ERROR", "code": "unavailable", "cause": "why"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				c := &Chain{Config: Config{Runner: &unit.Runner{}, Log: slog.New(observe.Redact(slog.NewJSONHandler(&out, nil)))}}
				ctx := call.WithRequestID(t.Context(), "req_1")
				_, _ = c.log(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/x/Y"}, func(ctx context.Context, _ any) (any, error) {
					noteCaller(call.WithCaller(ctx, tt.caller)) // as auth does
					time.Sleep(tt.takes)
					return nil, tt.err
				})
				line := map[string]any{}
				if err := json.Unmarshal(out.Bytes(), &line); err != nil {
					t.Fatalf("not one line: %v: %s", err, &out)
				}
				tt.want["msg"], tt.want["method"], tt.want["request_id"], tt.want["transport"] = "call", "/x/Y", "req_1", "grpc"
				tt.want["took"] = float64(tt.takes)
				for key, value := range tt.want {
					if line[key] != value {
						t.Errorf("%s is %v, want %v: %s", key, line[key], value, &out)
					}
				}
			})
		})
	}
}
