package bankdetails

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

var ibanCountries = slices.Sorted(maps.Keys(ibans))

func examples(s Schema) fields {
	all := fields{}
	for _, f := range s.Fields {
		all[f.Name] = f.Example
	}
	return all
}

func TestEverySchemasExampleIsAcceptedAndNeedsEachRequiredField(t *testing.T) {
	t.Parallel()
	for country := range countries {
		schemas := Schemas(country)
		if len(schemas) == 0 {
			t.Errorf("%s has no way to be paid", country)
		}
		for _, s := range schemas {
			got, problems := Check(country, "USD", account(t, examples(s)))
			if problems != nil || got.Method != s.Method {
				t.Errorf("%s %v: read as %v, %v", country, s.Method, got.Method, problems)
			}
			for _, f := range s.Fields {
				without := examples(s)
				delete(without, f.Name)
				got, problems := Check(country, "USD", account(t, without))
				if !f.Required {
					if problems != nil || got.Method != s.Method {
						t.Errorf("%s %v without %s: %v", country, s.Method, f.Name, problems)
					}
					continue
				}
				named := slices.ContainsFunc(problems, func(p apierr.Field) bool {
					return p.Path == f.Name || strings.Contains(p.Message, f.Name)
				})
				if !named {
					t.Errorf("%s %v without %s: %v", country, s.Method, f.Name, problems)
				}
			}
		}
	}
	if Schemas("ZZ") != nil {
		t.Error("ZZ has schemas")
	}
}

func TestASchemaSaysWhatAFormNeeds(t *testing.T) {
	t.Parallel()
	for country := range countries {
		for _, s := range Schemas(country) {
			for _, f := range s.Fields {
				if f.Name == "country" || messageFields.ByName(protoreflect.Name(f.Name)) == nil {
					t.Errorf("%s %v: %s is not in the contract", country, s.Method, f.Name)
				}
				if f.Label == "" || f.Help == "" || f.Example == "" {
					t.Errorf("%s %v: %s lacks a label, a help text or an example", country, s.Method, f.Name)
				}
				if f.Choices != nil {
					if !slices.Contains(f.Choices, f.Example) || f.Default != "" && !slices.Contains(f.Choices, f.Default) {
						t.Errorf("%s %v: %s offers %v", country, s.Method, f.Name, f.Choices)
					}
					continue
				}
				if n := len(f.Example); n < f.MinLength || n > f.MaxLength {
					t.Errorf("%s %v: %s is %d to %d characters, its example %d", country, s.Method, f.Name, f.MinLength, f.MaxLength, n)
				}
				if f.Pattern != "" && !regexp.MustCompile(f.Pattern).MatchString(f.Example) {
					t.Errorf("%s %v: %s does not match its pattern %s", country, s.Method, f.Name, f.Pattern)
				}
			}
		}
	}
}

func TestASchemaCannotBeChangedThroughItsCopy(t *testing.T) {
	t.Parallel()
	Schemas("US")[0].Fields[2].Choices[0] = "current"
	if got := Schemas("US")[0].Fields[2].Choices[0]; got != "checking" {
		t.Errorf("the table says %q now", got)
	}
}

// read and write know strings and enums. A field of another kind in the contract needs a line there.
func TestTheContractsFieldsAreStringsAndEnums(t *testing.T) {
	t.Parallel()
	for i := range messageFields.Len() {
		f := messageFields.Get(i)
		if k := f.Kind(); f.Cardinality() == protoreflect.Repeated || k != protoreflect.StringKind && k != protoreflect.EnumKind {
			t.Errorf("%s is a %v", f.Name(), k)
		}
	}
}

func TestCountriesAreThoseOfISO3166AndKosovo(t *testing.T) {
	t.Parallel()
	if len(countries) != 250 {
		t.Errorf("%d countries, want 249 and Kosovo", len(countries))
	}
	for code, name := range countries {
		if !regexp.MustCompile("^[A-Z]{2}$").MatchString(code) || name == "" || strings.TrimSpace(name) != name {
			t.Errorf("%s is called %q", code, name)
		}
	}
	for _, code := range []string{"", "us", "ZZ", "UK", "EU", "AN", "SU", "YU", "AC", "IC", "USA"} {
		if KnownCountry(code) || CountryName(code) != "" {
			t.Errorf("%q is known", code)
		}
	}
	for code, want := range map[string]string{"US": "United States", "XK": "Kosovo", "CI": "Côte d'Ivoire", "NL": "Netherlands", "TR": "Türkiye"} {
		if !KnownCountry(code) || CountryName(code) != want {
			t.Errorf("%s is called %q, want %q", code, CountryName(code), want)
		}
	}
	for code := range waysOf {
		if !KnownCountry(code) {
			t.Errorf("waysOf has %q", code)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, country := range []string{"US", "GB", "CA", "AU", "IN", "MX", "JP", "DE", "RU", "NG"} {
		for _, s := range Schemas(country) {
			a := account(f, examples(s))
			f.Add(country, a.AccountNumber, a.RoutingNumber, int32(a.AccountType), a.Iban, a.Bic, a.SortCode, a.InstitutionNumber, a.TransitNumber,
				a.Bsb, a.Ifsc, a.Clabe, a.BankCode, a.BranchCode, a.BankName, a.Country)
		}
	}
	f.Add("CH", "", "", int32(0), "ch93 0076-2011 6238 5295 7", "", "", "", "", "", "", "", "", "", "ı\x80", "LI")
	f.Fuzz(func(t *testing.T, country, number, routing string, kind int32, iban, bic, sortCode, institution, transit, bsb, ifsc, clabe, bank, branch,
		bankName, inner string,
	) {
		in := &antonv1.BankAccount{
			AccountNumber: number, RoutingNumber: routing, AccountType: antonv1.AccountType_Value(kind), Iban: iban, Bic: bic, SortCode: sortCode,
			InstitutionNumber: institution, TransitNumber: transit, Bsb: bsb, Ifsc: ifsc, Clabe: clabe, BankCode: bank, BranchCode: branch,
			BankName: bankName, Country: inner,
		}
		before := proto.CloneOf(in)
		got, problems := Check(country, "EUR", in)
		if !proto.Equal(before, in) {
			t.Fatal("Check changed what it was given")
		}
		for _, p := range problems {
			if messageFields.ByName(protoreflect.Name(p.Path)) == nil {
				t.Fatalf("no field %q", p.Path)
			}
			told := strings.ReplaceAll(p.Message, "DE89370400440532013000", "")
			for _, secret := range []string{number, iban, clabe, normal(number), normal(iban), normal(clabe)} {
				if strings.ContainsAny(secret, "0123456789") && len(secret) > 4 && strings.Contains(told, secret) {
					t.Fatalf("%q repeats the number", p.Message)
				}
			}
		}
		if problems != nil {
			if got != (Account{}) {
				t.Fatal("an account beside problems")
			}
			return
		}
		masksOnlyShowTheEnd(t, got)
		again, problems := Check(country, "EUR", got.Details)
		if problems != nil || again.Method != got.Method || again.Country != got.Country || again.Number != got.Number ||
			!proto.Equal(again.Details, got.Details) || again.FingerprintText() != got.FingerprintText() {
			t.Fatalf("%v became %v: %v", got, again, problems)
		}
	})
}

func masksOnlyShowTheEnd(t *testing.T, a Account) {
	t.Helper()
	prefix, shown, ok := strings.Cut(a.Masked(), "****")
	if !ok || len(shown) > 4 || shown != a.Last4() || !strings.HasSuffix(a.Number, shown) || len(a.Number) < len(shown)+hidden {
		t.Fatalf("a number of %d characters is shown as %s", len(a.Number), a.Masked())
	}
	if prefix != "" && (a.Method != antonv1.PaymentMethod_iban || prefix != a.Number[:4]) {
		t.Fatalf("the mask of a %v begins with %s", a.Method, prefix)
	}
}

func TestAFourDigitNumberIsNotShownWhole(t *testing.T) {
	t.Parallel()
	a, problems := Check("US", "USD", &antonv1.BankAccount{RoutingNumber: "021000021", AccountNumber: "1234"})
	if problems != nil || a.Masked() != "****4" {
		t.Errorf("shown as %s, %v", a.Masked(), problems)
	}
}

func BenchmarkCheckIBAN(b *testing.B) {
	in := &antonv1.BankAccount{Iban: "DE89370400440532013000"}
	for b.Loop() {
		Check("US", "EUR", in)
	}
}
