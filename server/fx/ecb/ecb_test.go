package ecb_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/fx/ecb"
)

func sample(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../sample.xml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRead(t *testing.T) {
	t.Parallel()
	days, err := ecb.Read([]byte(sample(t)))
	if err != nil || len(days) != 1 {
		t.Fatalf("%d days, %v", len(days), err)
	}
	usd := days[0].Rates["USD"]
	if got := days[0].Published(); len(days[0].Rates) != 29 || usd.String() != "1.0852" || !got.Equal(time.Date(2026, 2, 8, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("%d rates, the dollar at %s, published %s", len(days[0].Rates), usd.String(), got)
	}
}

// TestReadHistory: the days come newest first in the ECB's file, and oldest first from us.
func TestReadHistory(t *testing.T) {
	t.Parallel()
	text := sample(t)
	begin, end := strings.Index(text, "\t\t<Cube time"), strings.LastIndex(text, "\t</Cube>")
	day := text[begin:end]
	days, err := ecb.Read([]byte(text[:end] + strings.Replace(day, "2026-02-08", "2026-02-07", 1) + text[end:]))
	if err != nil || len(days) != 2 || !days[0].Date.Before(days[1].Date) {
		t.Errorf("%v, %v", days, err)
	}
	if _, err := ecb.Read([]byte(text[:end] + day + text[end:])); err == nil {
		t.Error("one day twice was taken")
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	replaced := func(old, fresh string) string { return strings.Replace(whole, old, fresh, 1) }
	head, _, _ := strings.Cut(whole, "\t\t\t<Cube currency='PLN'")
	_, second, _ := strings.Cut(whole, "-->")
	for name, text := range map[string]string{
		"nothing":              "",
		"a page of HTML":       "<html><body>Not found</body></html>",
		"another subject":      replaced("Reference rates", "Interest rates"),
		"another name space":   replaced("2002-08-01/eurofxref", "2030-01-01/eurofxref"),
		"no day":               replaced("<Cube time='2026-02-08'>", "<Cube>"),
		"a day that is none":   replaced("2026-02-08", "2026-02-30"),
		"a day before it":      replaced("2026-02-08", "1998-02-13"),
		"commas":               replaced("1.0852", "1,0852"),
		"a rate of nothing":    replaced("1.0852", "0.0000"),
		"a rate below nothing": replaced("1.0852", "-1.0852"),
		"an exponent":          replaced("1.0852", "1e9"),
		"no number":            replaced("1.0852", "NaN"),
		"no rate":              replaced(" rate='1.0852'", ""),
		"lower case":           replaced("'USD'", "'usd'"),
		"the euro itself":      replaced("'JPY'", "'EUR'"),
		"a currency twice":     replaced("'JPY'", "'USD'"),
		"no dollar":            replaced("\t\t\t<Cube currency='USD' rate='1.0852'/>\n", ""),
		"few currencies":       head + "\t\t</Cube>\n\t</Cube>\n</gesmes:Envelope>",
		"two files":            whole + second,
		"text behind it":       whole + "x",
	} {
		if days, err := ecb.Read([]byte(text)); err == nil {
			t.Errorf("%s: %d days were taken", name, len(days))
		}
	}
	for cut := 1; cut < len(strings.TrimSpace(whole)); cut += 7 {
		if _, err := ecb.Read([]byte(whole[:cut])); err == nil {
			t.Errorf("the first %d bytes of the file were taken for all of it", cut)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample(f)))
	f.Add([]byte("<gesmes:Envelope xmlns:gesmes='http://www.gesmes.org/xml/2002-08-01'/>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		days, err := ecb.Read(text)
		if err != nil {
			return
		}
		for i, d := range days {
			if i > 0 && !days[i-1].Date.Before(d.Date) {
				t.Errorf("%s stands after %s", d.Date, days[i-1].Date)
			}
			for currency, rate := range d.Rates {
				if len(currency) != 3 || rate.Sign() <= 0 || rate.Form != 0 {
					t.Errorf("one euro is %s of %q", rate.String(), currency)
				}
			}
		}
	})
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, tt := range []struct{ name, at, newest string }{
		{"a Saturday", "2026-02-14T10:00:00Z", "2026-02-13T15:00:00Z"},
		{"a Friday before 16:00", "2026-02-13T14:59:59Z", "2026-02-12T15:00:00Z"},
		{"a Friday at 16:00", "2026-02-13T15:00:00Z", "2026-02-13T15:00:00Z"},
		{"summer time", "2026-07-01T14:00:00Z", "2026-07-01T14:00:00Z"},
		{"late in the evening, the next day in Frankfurt", "2026-07-01T23:30:00Z", "2026-07-01T14:00:00Z"},
		{"Good Friday", "2026-04-03T18:00:00Z", "2026-04-02T14:00:00Z"},
		{"Easter Monday", "2026-04-06T18:00:00Z", "2026-04-02T14:00:00Z"},
		{"the day after Easter", "2026-04-07T18:00:00Z", "2026-04-07T14:00:00Z"},
		{"1 May", "2026-05-01T18:00:00Z", "2026-04-30T14:00:00Z"},
		{"Christmas", "2026-12-27T18:00:00Z", "2026-12-24T15:00:00Z"},
		{"New Year", "2027-01-01T18:00:00Z", "2026-12-31T15:00:00Z"},
		{"Easter of 2038, the latest there is", "2038-04-26T18:00:00Z", "2038-04-22T14:00:00Z"},
	} {
		if got := ecb.Newest(at(tt.at)); !got.Equal(at(tt.newest)) {
			t.Errorf("%s: the newest is of %s, want %s", tt.name, got.UTC(), tt.newest)
		}
	}
	friday := at("2026-02-13T15:00:00Z")
	for moment, want := range map[string]int{
		"2026-02-13T15:00:00Z": 0, "2026-02-16T14:59:00Z": 0, "2026-02-16T15:00:00Z": 1, "2026-02-20T16:00:00Z": 5, "2026-02-22T00:00:00Z": 5,
		"2056-02-22T00:00:00Z": 1000, "2026-01-01T00:00:00Z": 0,
	} {
		if got := ecb.Missed(friday, at(moment)); got != want {
			t.Errorf("until %s %d publications were missed, want %d", moment, got, want)
		}
	}
}
