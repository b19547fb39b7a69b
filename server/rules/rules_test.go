package rules

import (
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

func TestControl(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]bool{ // without lines, with lines
		"": {}, "plain": {}, "Zoë 中 🙂\u2028": {},
		"a\tb": {true, false}, "a\nb": {true, false}, "a\r\nb": {true, false},
		"\x00": {true, true}, "\x1b[31m": {true, true}, "\x7f": {true, true}, "\u0080": {true, true}, "\u009f": {true, true}, "\v\n": {true, true},
		"\u00a0": {},
	} {
		if Control(text, false) != want[0] || Control(text, true) != want[1] {
			t.Errorf("%q: %v, with lines %v", text, Control(text, false), Control(text, true))
		}
	}
}

// A zero that was sent is out of bounds, and not missing.
func TestAZeroThatWasSent(t *testing.T) {
	t.Parallel()
	fields, err := Check(&antonv1.ListPayoutsRequest{Limit: proto.Int32(0)})
	if err != nil || len(fields) != 1 || fields[0].Path != "limit" || !strings.Contains(fields[0].Message, "greater than or equal to 1") {
		t.Errorf("limit=0: %v, %v", fields, err)
	}
}

// FuzzCheck: what passes the rules of a payout holds what the database and the rails can take.
func FuzzCheck(f *testing.F) {
	f.Add("ben_1", "2500.00", "USD", "Invoice 1042", "1042", "team", "a\nb")
	f.Add("", "1", "usd", "\x00", "\t", "\n", "\u0085")
	f.Fuzz(func(t *testing.T, beneficiary, amount, currency, description, reference, key, value string) {
		req := &antonv1.CreatePayoutRequest{
			BeneficiaryId: beneficiary, Amount: amount, Currency: currency, Description: description, Reference: reference,
			Metadata: map[string]string{key: value},
		}
		fields, err := Check(req)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range fields {
			if field.Path == "" || field.Message == "" {
				t.Errorf("%q %q", field.Path, field.Message)
			}
		}
		if len(fields) > 0 {
			return
		}
		for _, text := range []string{beneficiary, amount, currency, reference, key} {
			if Control(text, false) || utf8.RuneCountInString(text) > 100 {
				t.Errorf("%q passed", text)
			}
		}
		if beneficiary == "" || amount == "" || len(currency) != 3 || Control(description, true) || Control(value, true) || utf8.RuneCountInString(description) > 500 {
			t.Errorf("%v passed", req)
		}
	})
}
