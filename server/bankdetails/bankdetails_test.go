package bankdetails

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// account makes a message of field names and texts, account_type by its word.
func account(t interface{ Fatalf(string, ...any) }, fields map[string]string) *antonv1.BankAccount {
	in := &antonv1.BankAccount{}
	for name, text := range fields {
		field := messageFields.ByName(protoreflect.Name(name))
		if field == nil {
			t.Fatalf("BankAccount has no field %q", name)
		}
		value := protoreflect.ValueOfString(text)
		if field.Kind() == protoreflect.EnumKind {
			value = protoreflect.ValueOfEnum(field.Enum().Values().ByName(protoreflect.Name(text)).Number())
		}
		in.ProtoReflect().Set(field, value)
	}
	return in
}

func messageOf(problems []apierr.Field, path string) string {
	for _, p := range problems {
		if p.Path == path {
			return p.Message
		}
	}
	return ""
}

type fields = map[string]string

func TestARightAccountComesBackInNormalForm(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		country, currency string
		in                fields
		method            antonv1.PaymentMethod_Value
		number            string
		accountCountry    string
		masked            string
		bankCode          string
		fingerprint       string
		details           fields
	}{
		"the guide's American account": {
			country: "US", currency: "USD",
			in:     fields{"account_number": "9876543210", "routing_number": "021000021"},
			method: antonv1.PaymentMethod_us_bank, number: "9876543210", accountCountry: "US", masked: "****3210",
			bankCode: "021000021", fingerprint: "us_bank:021000021:9876543210",
			details: fields{"account_number": "9876543210", "routing_number": "021000021", "account_type": "checking", "country": "US"},
		},
		"an American savings account with spaces and hyphens": {
			country: "US", currency: "EUR",
			in:     fields{"account_number": "9876-5432 10", "routing_number": " 0210-0002-1", "account_type": "savings", "bank_name": " JPMorgan Chase "},
			method: antonv1.PaymentMethod_us_bank, number: "9876543210", accountCountry: "US", masked: "****3210",
			bankCode: "021000021", fingerprint: "us_bank:021000021:9876543210",
			details: fields{
				"account_number": "9876543210", "routing_number": "021000021", "account_type": "savings", "bank_name": "JPMorgan Chase", "country": "US",
			},
		},
		"an account in Puerto Rico": {
			country: "PR", currency: "USD",
			in:     fields{"account_number": "123456789", "routing_number": "021502011"},
			method: antonv1.PaymentMethod_us_bank, number: "123456789", accountCountry: "PR", masked: "****6789",
			bankCode: "021502011", fingerprint: "us_bank:021502011:123456789",
			details: fields{"account_number": "123456789", "routing_number": "021502011", "account_type": "checking", "country": "PR"},
		},
		"a German IBAN of somebody in the United States, in small letters": {
			country: "US", currency: "EUR",
			in:     fields{"iban": "de89 3704 0044 0532 0130 00", "bic": "cobadeffxxx"},
			method: antonv1.PaymentMethod_iban, number: "DE89370400440532013000", accountCountry: "DE", masked: "DE89****3000",
			bankCode: "37040044", fingerprint: "iban:DE89370400440532013000",
			details: fields{"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "country": "DE"},
		},
		"an IBAN with a BIC of another country": {
			country: "LT", currency: "EUR",
			in:     fields{"iban": "LT121000011101001000", "bic": "REVOGB21"},
			method: antonv1.PaymentMethod_iban, number: "LT121000011101001000", accountCountry: "LT", masked: "LT12****1000",
			bankCode: "10000", fingerprint: "iban:LT121000011101001000",
			details: fields{"iban": "LT121000011101001000", "bic": "REVOGB21", "country": "LT"},
		},
		"an IBAN with a BIC whose first four characters are not all letters": {
			country: "AE", currency: "AED",
			in:     fields{"iban": "AE070331234567890123456", "bic": "E097AEXXXXX"},
			method: antonv1.PaymentMethod_iban, number: "AE070331234567890123456", accountCountry: "AE", masked: "AE07****3456",
			bankCode: "033", fingerprint: "iban:AE070331234567890123456",
			details: fields{"iban": "AE070331234567890123456", "bic": "E097AEXXXXX", "country": "AE"},
		},
		"a Kuwaiti IBAN": {
			country: "KW", currency: "KWD",
			in:     fields{"iban": "KW81 CBKU 0000 0000 0000 1234 5601 01"},
			method: antonv1.PaymentMethod_iban, number: "KW81CBKU0000000000001234560101", accountCountry: "KW", masked: "KW81****0101",
			bankCode: "CBKU", fingerprint: "iban:KW81CBKU0000000000001234560101",
			details: fields{"iban": "KW81CBKU0000000000001234560101", "country": "KW"},
		},
		"a French IBAN in Réunion": {
			country: "RE", currency: "EUR",
			in:     fields{"iban": "FR1420041010050500013M02606", "country": "RE"},
			method: antonv1.PaymentMethod_iban, number: "FR1420041010050500013M02606", accountCountry: "FR", masked: "FR14****2606",
			bankCode: "20041", fingerprint: "iban:FR1420041010050500013M02606",
			details: fields{"iban": "FR1420041010050500013M02606", "country": "FR"},
		},
		"a British sort code": {
			country: "GB", currency: "GBP",
			in:     fields{"sort_code": "60-16-13", "account_number": "31926819"},
			method: antonv1.PaymentMethod_uk_bank, number: "31926819", accountCountry: "GB", masked: "****6819",
			bankCode: "601613", fingerprint: "uk_bank:601613:31926819",
			details: fields{"sort_code": "601613", "account_number": "31926819", "country": "GB"},
		},
		"the same account by its IBAN": {
			country: "GB", currency: "GBP",
			in:     fields{"iban": "GB29 NWBK 6016 1331 9268 19"},
			method: antonv1.PaymentMethod_iban, number: "GB29NWBK60161331926819", accountCountry: "GB", masked: "GB29****6819",
			bankCode: "NWBK", fingerprint: "uk_bank:601613:31926819",
			details: fields{"iban": "GB29NWBK60161331926819", "country": "GB"},
		},
		"a sort code in Jersey, said in the message": {
			country: "FR", currency: "GBP",
			in:     fields{"sort_code": "601613", "account_number": "31926819", "country": "JE"},
			method: antonv1.PaymentMethod_uk_bank, number: "31926819", accountCountry: "JE", masked: "****6819",
			bankCode: "601613", fingerprint: "uk_bank:601613:31926819",
			details: fields{"sort_code": "601613", "account_number": "31926819", "country": "JE"},
		},
		"a Canadian account": {
			country: "CA", currency: "CAD",
			in:     fields{"institution_number": "003", "transit_number": "00010", "account_number": "123-456-7"},
			method: antonv1.PaymentMethod_ca_bank, number: "1234567", accountCountry: "CA", masked: "****4567",
			bankCode: "00300010", fingerprint: "ca_bank:00300010:1234567",
			details: fields{"institution_number": "003", "transit_number": "00010", "account_number": "1234567", "country": "CA"},
		},
		"a dollar account in Canada, by SWIFT": {
			country: "CA", currency: "USD",
			in:     fields{"bic": "ROYCCAT2XXX", "account_number": "000101234567"},
			method: antonv1.PaymentMethod_swift, number: "000101234567", accountCountry: "CA", masked: "****4567",
			bankCode: "ROYCCAT2", fingerprint: "swift:ROYCCAT2:000101234567",
			details: fields{"bic": "ROYCCAT2XXX", "account_number": "000101234567", "country": "CA"},
		},
		"a short Australian account": {
			country: "AU", currency: "AUD",
			in:     fields{"bsb": "062-000", "account_number": "12345"},
			method: antonv1.PaymentMethod_au_bank, number: "12345", accountCountry: "AU", masked: "****45",
			bankCode: "062000", fingerprint: "au_bank:062000:12345",
			details: fields{"bsb": "062000", "account_number": "12345", "country": "AU"},
		},
		"an Indian account": {
			country: "IN", currency: "INR",
			in:     fields{"ifsc": "sbin0005943", "account_number": "000123456789"},
			method: antonv1.PaymentMethod_in_bank, number: "000123456789", accountCountry: "IN", masked: "****6789",
			bankCode: "SBIN0005943", fingerprint: "in_bank:SBIN0005943:000123456789",
			details: fields{"ifsc": "SBIN0005943", "account_number": "000123456789", "country": "IN"},
		},
		"a Mexican account": {
			country: "MX", currency: "MXN",
			in:     fields{"clabe": "002 010 0777777777 7 1"},
			method: antonv1.PaymentMethod_clabe, number: "002010077777777771", accountCountry: "MX", masked: "****7771",
			bankCode: "002", fingerprint: "clabe:002010077777777771",
			details: fields{"clabe": "002010077777777771", "country": "MX"},
		},
		"a Japanese account": {
			country: "JP", currency: "JPY",
			in:     fields{"bank_code": "0001", "branch_code": "001", "account_number": "1234567", "account_type": "savings"},
			method: antonv1.PaymentMethod_jp_bank, number: "1234567", accountCountry: "JP", masked: "****4567",
			bankCode: "0001001", fingerprint: "jp_bank:0001001:savings:1234567",
			details: fields{"bank_code": "0001", "branch_code": "001", "account_number": "1234567", "account_type": "savings", "country": "JP"},
		},
		"a Nigerian account by SWIFT": {
			country: "NG", currency: "USD",
			in:     fields{"bic": "FBNINGLA", "account_number": "0123456789"},
			method: antonv1.PaymentMethod_swift, number: "0123456789", accountCountry: "NG", masked: "****6789",
			bankCode: "FBNINGLA", fingerprint: "swift:FBNINGLA:0123456789",
			details: fields{"bic": "FBNINGLA", "account_number": "0123456789", "country": "NG"},
		},
		"an Ivorian number, which only looks like an IBAN": {
			country: "CI", currency: "XOF",
			in:     fields{"bic": "SGCICIAB", "account_number": "CI93 CI00 8011 1301 1342 9120 0589"},
			method: antonv1.PaymentMethod_swift, number: "CI93CI0080111301134291200589", accountCountry: "CI", masked: "****0589",
			bankCode: "SGCICIAB", fingerprint: "swift:SGCICIAB:CI93CI0080111301134291200589",
			details: fields{"bic": "SGCICIAB", "account_number": "CI93CI0080111301134291200589", "country": "CI"},
		},
		"a BIC of eight characters that ends in XXX by chance": {
			country: "MX", currency: "USD",
			in:     fields{"bic": "BANKMXXX", "account_number": "0123456789"},
			method: antonv1.PaymentMethod_swift, number: "0123456789", accountCountry: "MX", masked: "****6789",
			bankCode: "BANKMXXX", fingerprint: "swift:BANKMXXX:0123456789",
			details: fields{"bic": "BANKMXXX", "account_number": "0123456789", "country": "MX"},
		},
		"a Russian account without an IBAN": {
			country: "RU", currency: "RUB",
			in:     fields{"bic": "SABRRUMM", "account_number": "40817810538091310419"},
			method: antonv1.PaymentMethod_swift, number: "40817810538091310419", accountCountry: "RU", masked: "****0419",
			bankCode: "SABRRUMM", fingerprint: "swift:SABRRUMM:40817810538091310419",
			details: fields{"bic": "SABRRUMM", "account_number": "40817810538091310419", "country": "RU"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := Check(tt.country, tt.currency, account(t, tt.in))
			if problems != nil {
				t.Fatalf("refused: %v", problems)
			}
			if got.Method != tt.method || got.Country != tt.accountCountry || got.Number != tt.number {
				t.Errorf("got %v in %s, number %s; want %v in %s, number %s", got.Method, got.Country, got.Number, tt.method, tt.accountCountry, tt.number)
			}
			if got.Masked() != tt.masked {
				t.Errorf("masked %q, want %q", got.Masked(), tt.masked)
			}
			if got.BankCode() != tt.bankCode {
				t.Errorf("bank code %q, want %q", got.BankCode(), tt.bankCode)
			}
			if got.FingerprintText() != tt.fingerprint {
				t.Errorf("fingerprint text %q, want %q", got.FingerprintText(), tt.fingerprint)
			}
			if want := account(t, tt.details); !proto.Equal(got.Details, want) {
				t.Errorf("details %v, want %v", got.Details, want)
			}
		})
	}
}

func TestAWrongAccountSaysWhatIsWrongAndWhatIsExpected(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		country string
		in      fields
		want    fields // every problem, by path
	}{
		"nothing sent for the United States": {"US", nil, fields{
			"account_number": "is required for an account in the United States",
			"routing_number": "is required for an account in the United States",
		}},
		"only spaces and hyphens sent": {"US", fields{"account_number": " - ", "routing_number": "021000021"}, fields{
			"account_number": "is required for an account in the United States",
		}},
		"a wrong checksum": {"US", fields{"routing_number": "021000022", "account_number": "9876543210"}, fields{
			"routing_number": "is not a valid ABA routing number: its checksum is wrong",
		}},
		"a district that is none": {"US", fields{"routing_number": "500000005", "account_number": "9876543210"}, fields{
			"routing_number": "is not a valid ABA routing number: no such number begins with these two digits",
		}},
		"nothing but zeros": {"US", fields{"routing_number": "000000000", "account_number": "9876543210"}, fields{
			"routing_number": "is not a valid ABA routing number: it has nothing but zeros",
		}},
		"several fields at once": {"US", fields{"routing_number": "02100002", "account_number": "123456789012345678"}, fields{
			"routing_number": "must be 9 digits; this has 8",
			"account_number": "must be 4 to 17 digits; this has 18",
		}},
		"a letter among digits": {"US", fields{"routing_number": "02100002l", "account_number": "9876543210"}, fields{
			"routing_number": "must be 9 digits",
		}},
		"full-width digits": {"US", fields{"routing_number": "０２１００００２１", "account_number": "２５００１２"}, fields{
			"routing_number": "must be 9 digits",
			"account_number": "must be 4 to 17 digits",
		}},
		"control characters": {"US", fields{"routing_number": "021000021\n", "account_number": "98765\x00432", "bank_name": "a\x07b"}, fields{
			"routing_number": "must be 9 digits; this has 10",
			"account_number": "must be 4 to 17 digits",
			"bank_name":      "must be text without control characters",
		}},
		"a bank name that is too long": {
			"US",
			fields{"routing_number": "021000021", "account_number": "9876543210", "bank_name": strings.Repeat("é", 141)},
			fields{"bank_name": "must be at most 140 characters"},
		},
		"an IBAN with an American code": {"US", fields{"iban": "US64SVBKUS6S3300958879"}, fields{
			"account_number": "is required for an account in the United States",
			"routing_number": "is required for an account in the United States",
			"iban":           "is not used for an account in the United States, which has no registered IBAN; send routing_number and account_number",
		}},
		"a BIC in the United States": {"US", fields{"routing_number": "021000021", "account_number": "9876543210", "bic": "CHASUS33"}, fields{
			"bic": "is not used for an account in the United States; send routing_number and account_number",
		}},
		"a sort code beside a British IBAN": {"GB", fields{"iban": "GB29NWBK60161331926819", "sort_code": "601613"}, fields{
			"sort_code": "is one field too many: for an account in the United Kingdom send either sort_code and account_number, or iban",
		}},
		"seven digits in the United Kingdom": {"GB", fields{"sort_code": "601613", "account_number": "1926819"}, fields{
			"account_number": "must be 8 digits (if the bank shows 6 or 7, put zeros in front); this has 7",
		}},
		"a British account without sort code": {"GB", fields{"account_number": "31926819"}, fields{
			"sort_code": "is required for an account in the United Kingdom; send either sort_code and account_number, or iban",
		}},
		"an account number in Germany": {"DE", fields{"account_number": "532013000"}, fields{
			"account_number": "is not used for an account in Germany; send iban",
			"iban":           "is required for an account in Germany",
		}},
		"an account type in Germany": {"DE", fields{"iban": "DE89370400440532013000", "account_type": "savings"}, fields{
			"account_type": "is not used for an account in Germany; send iban",
		}},
		"no IBAN at all": {"DE", fields{"iban": "my account"}, fields{
			"iban": "must be an IBAN: a country code, two check digits, then the account, such as DE89370400440532013000",
		}},
		"an IBAN of a country that has none": {"DE", fields{"iban": "US64SVBKUS6S3300958879"}, fields{
			"iban": "is not an IBAN: no country of the IBAN registry has these first two letters",
		}},
		"an IBAN that is too short": {"DE", fields{"iban": "DE8937040044053201300"}, fields{
			"iban": "must have 22 characters for an account in Germany; this has 21",
		}},
		"a letter in a German IBAN": {"DE", fields{"iban": "DE8937O400440532013000"}, fields{
			"iban": "is not an IBAN for an account in Germany: character 7 must be a digit",
		}},
		"a full stop in a French IBAN": {"FR", fields{"iban": "FR1420041010050500.13M02606"}, fields{
			"iban": "is not an IBAN for an account in France: character 19 must be a letter or a digit",
		}},
		"two digits that changed places": {"DE", fields{"iban": "DE89370400440532010300"}, fields{
			"iban": "is not a valid IBAN: its check digits are wrong; look for a mistyped character or two that changed places",
		}},
		"a Belgian account with new IBAN digits over a wrong number": {"BE", fields{"iban": ibanOver("BE", "539007547035")}, fields{
			"iban": "is not a valid IBAN: the check digits of the account number inside it are wrong",
		}},
		"a dotless i is no I": {"DE", fields{"iban": "DE89370400440532013000", "bic": "cobadeffıxx"}, fields{
			"bic": "must be a BIC of 8 or 11 characters, such as DEUTDEFF",
		}},
		"a long s is no S": {"MT", fields{"iban": "MT84MALT011000012345MTLCAſT001S"}, fields{
			"iban": "must have 31 characters for an account in Malta; this has 31",
		}},
		"a country that contradicts the IBAN": {"US", fields{"iban": "DE89370400440532013000", "country": "FR"}, fields{
			"country": "is not the country of the IBAN, which is for an account in Germany; leave country out, the IBAN says it",
		}},
		"a country that is none": {"US", fields{"routing_number": "1", "country": "ZZ"}, fields{
			"country": "must be an ISO 3166-1 alpha-2 code in capitals, such as US",
		}},
		"a BIC of no country": {"NG", fields{"bic": "FBNIZZLA", "account_number": "0123456789"}, fields{
			"bic": "is not a BIC: its fifth and sixth letters must be a country code",
		}},
		"an IBAN as account number": {"NG", fields{"bic": "COBADEFF", "account_number": "DE89 3704 0044 0532 0130 00"}, fields{
			"account_number": "is an IBAN; send it as iban, without account_number",
		}},
		"an Ivorian IBAN": {"CI", fields{"iban": "CI93CI0080111301134291200589", "bic": "SGCICIAB"}, fields{
			"account_number": "is required for an account in Côte d'Ivoire",
			"iban":           "is not used for an account in Côte d'Ivoire, which has no registered IBAN; send bic and account_number",
		}},
		"a wrong CLABE": {"MX", fields{"clabe": "002010077777777772"}, fields{
			"clabe": "is not a valid CLABE: its check digit is wrong",
		}},
		"a Mexican account number alone": {"MX", fields{"account_number": "0123456789"}, fields{
			"bic": "is required for an account in Mexico; send either clabe, or bic and account_number",
		}},
		"the letter O in an IFSC": {"IN", fields{"ifsc": "SBINO005943", "account_number": "000123456789"}, fields{
			"ifsc": "must be 11 characters: four letters, the digit zero, then six letters or digits",
		}},
		"an Australian account number alone": {"AU", fields{"account_number": "12345678"}, fields{
			"bsb": "is required for an account in Australia; send either bsb and account_number, or bic and account_number",
		}},
		"a Japanese account that does not say its kind": {
			"JP",
			fields{"bank_code": "0001", "branch_code": "001", "account_number": "123456"},
			fields{
				"account_type":   "is required for an account in Japan; send either bank_code, branch_code, account_number and account_type, or bic and account_number",
				"account_number": "must be 7 digits (if the bank shows fewer, put zeros in front); this has 6",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := Check(tt.country, "EUR", account(t, tt.in))
			if got != (Account{}) {
				t.Errorf("accepted as %v", got)
			}
			for _, p := range problems {
				if tt.want[p.Path] != p.Message {
					t.Errorf("%s %q\nwant %q", p.Path, p.Message, tt.want[p.Path])
				}
			}
			for path := range tt.want {
				if messageOf(problems, path) == "" {
					t.Errorf("no problem with %s", path)
				}
			}
		})
	}
}

func TestAnUnknownKindOfAccountIsRefused(t *testing.T) {
	t.Parallel()
	_, problems := Check("US", "USD", &antonv1.BankAccount{RoutingNumber: "021000021", AccountNumber: "9876543210", AccountType: 9})
	if len(problems) != 1 || problems[0] != (apierr.Field{Path: "account_type", Message: "must be checking or savings"}) {
		t.Errorf("got %v", problems)
	}
}

func TestNoMessageIsTreatedAsAnEmptyOne(t *testing.T) {
	t.Parallel()
	_, problems := Check("DE", "EUR", nil)
	if messageOf(problems, "iban") != "is required for an account in Germany" {
		t.Errorf("got %v", problems)
	}
}

func TestACountryInTheMessageGoesBeforeTheArgument(t *testing.T) {
	t.Parallel()
	_, problems := Check("DE", "USD", &antonv1.BankAccount{Country: "US"})
	if messageOf(problems, "routing_number") == "" || messageOf(problems, "iban") != "" {
		t.Errorf("got %v", problems)
	}
	_, problems = Check("", "USD", &antonv1.BankAccount{AccountNumber: "9876543210"})
	if len(problems) != 1 || problems[0].Path != "country" {
		t.Errorf("without any country: %v", problems)
	}
}

// Real numbers that banks publish.
func TestPublishedRoutingNumbersAreAccepted(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"021000021", // JPMorgan Chase, New York
		"026009593", // Bank of America, wires
		"121000248", // Wells Fargo, California
		"121000358", // Bank of America, California
		"322271627", // JPMorgan Chase, California: a thrift's
		"091000019", // Wells Fargo, Minnesota
		"111000025", // Bank of America, Texas
		"122105155", // U.S. Bank, Arizona
		"011401533", // Citizens, Massachusetts
		"271070801", // Citibank, Illinois
		"031176110", // Capital One
		"124003116", // Ally
	} {
		in := &antonv1.BankAccount{RoutingNumber: number, AccountNumber: "9876543210"}
		if _, problems := Check("US", "USD", in); problems != nil {
			t.Errorf("%s: %v", number, problems)
		}
	}
}

func TestARoutingNumberBeginsWithADistrict(t *testing.T) {
	t.Parallel()
	for first := range 100 {
		number := ""
		for check := range 10 {
			if number = fmt.Sprintf("%02d100002%d", first, check); weighted(number, 3, 7, 1)%10 == 0 {
				break
			}
		}
		want := first <= 12 || 21 <= first && first <= 32 || 61 <= first && first <= 72 || first == 80
		if got := abaProblem(number) == ""; got != want {
			t.Errorf("%s: accepted %v, want %v", number, got, want)
		}
	}
}

func TestOneWrongDigitInARoutingNumberOrACLABEIsNoticed(t *testing.T) {
	t.Parallel()
	for field, right := range map[string]string{"routing_number": "021000021", "clabe": "002010077777777771"} {
		check := abaProblem
		if field == "clabe" {
			check = clabeProblem
		}
		if check(right) != "" {
			t.Fatalf("%s itself is refused", right)
		}
		for i := range right {
			for digit := byte('0'); digit <= '9'; digit++ {
				wrong := right[:i] + string(digit) + right[i+1:]
				if wrong != right && check(wrong) == "" {
					t.Errorf("%s %s is accepted", field, wrong)
				}
			}
		}
	}
}

func TestPublishedCLABEsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"002010077777777771", "032180000118359719", "646180110400000007"} {
		if _, problems := Check("MX", "MXN", &antonv1.BankAccount{Clabe: number}); problems != nil {
			t.Errorf("%s: %v", number, problems)
		}
	}
}

func TestAnAccountPrintsItsMask(t *testing.T) {
	t.Parallel()
	a, problems := Check("US", "USD", &antonv1.BankAccount{RoutingNumber: "021000021", AccountNumber: "9876543210"})
	if problems != nil {
		t.Fatal(problems)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("checked", "account", a)
	for _, text := range []string{a.String(), fmt.Sprintf("%+v", a), log.String()} {
		if !strings.Contains(text, "****3210") || strings.Contains(text, "9876543210") {
			t.Errorf("printed as %q", text)
		}
	}
}

func TestBankText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		country string
		in      fields
		want    string
	}{
		{"US", fields{"account_number": "9876543210", "routing_number": "021000021"}, "us_bank:021000021"},
		{"DE", fields{"iban": "DE89370400440532013000"}, "iban:DE37040044"},
		{"GB", fields{"iban": "GB29NWBK60161331926819"}, "uk_bank:601613"},
		{"GB", fields{"sort_code": "601613", "account_number": "31926819"}, "uk_bank:601613"},
		{"CA", fields{"institution_number": "003", "transit_number": "00012", "account_number": "1234567"}, "ca_bank:003"},
		{"IN", fields{"ifsc": "HDFC0000123", "account_number": "123456789012"}, "in_bank:HDFC"},
		{"SG", fields{"bic": "DBSSSGSG123", "account_number": "1234567890"}, "swift:DBSSSGSG"},
	} {
		got, wrong := Check(tt.country, "", account(t, tt.in))
		if wrong != nil {
			t.Errorf("%v: %v", tt.in, wrong)
			continue
		}
		if got.BankText() != tt.want {
			t.Errorf("%v: the bank is %q, want %q", tt.in, got.BankText(), tt.want)
		}
	}
}
