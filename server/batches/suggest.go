package batches

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
)

// suggest says what a value that was refused in the column probably meant; empty where nothing can be told. It repeats amounts and
// codes, and nothing personal.
func suggest(name, value, currency string) string {
	switch name {
	case "amount":
		return suggestAmount(value, currency)
	case "currency":
		return suggestCode(value, money.Known, []string{"USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "INR", "MXN", "KWD"})
	case "country", "nationality", "bank_country", "address_country":
		return suggestCode(value, bankdetails.KnownCountry, nil)
	case "type":
		return asked(didYouMean(value, []string{"individual", "business"}))
	case "account_type":
		return asked(didYouMean(value, []string{"checking", "savings"}))
	case "date_of_birth":
		return "Write dates as 1985-04-12: year, month, day."
	}
	return ""
}

// asked makes a question that follows a sentence one of its own.
func asked(question string) string {
	if question == "" {
		return ""
	}
	return "D" + strings.TrimPrefix(question, "; d")
}

// suggestCode finds the code in another spelling of it, or, of the usual ones, the only one that differs in a letter.
func suggestCode(value string, known func(string) bool, usual []string) string {
	upper := strings.ToUpper(norm.NFKC.String(value))
	if signs := map[string]string{"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "UK": "GB"}; known(signs[upper]) {
		upper = signs[upper]
	}
	if known(upper) && upper != value {
		return fmt.Sprintf("Did you mean %s?", upper)
	}
	near := slices.DeleteFunc(slices.Clone(usual), func(code string) bool { return distance(upper, code) > 1 })
	if len(near) == 1 {
		return fmt.Sprintf("Did you mean %s?", near[0])
	}
	return ""
}

// suggestAmount writes an amount as we take it, where it can have meant one thing only.
func suggestAmount(value, currency string) string {
	if currency = strings.ToUpper(currency); !money.Known(currency) {
		currency = "USD"
	}
	// Full-width digits become digits; signs and codes of currencies, spaces and apostrophes go.
	plain := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) && r < unicode.MaxASCII || r == '.' || r == ',' || r == '-' || r == '+' {
			return r
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Sc, r) || r == '\'' || r == '’' || r == '_' {
			return -1
		}
		return unicode.ToUpper(r)
	}, norm.NFKC.String(value))
	plain = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(plain, currency), currency))
	for _, candidate := range readings(plain) {
		if amount, err := money.Parse(currency, candidate); err == nil && amount.Positive() && candidate != value {
			return "Use a point for the decimals and nothing between thousands: " + amount.String()
		}
	}
	return ""
}

// readings are what the digits with points and commas may mean, none where two meanings are as likely: 1.234 is a thousand and more to
// some, and one and less than a quarter to others.
func readings(text string) []string {
	point, comma := strings.LastIndex(text, "."), strings.LastIndex(text, ",")
	points, commas := strings.Count(text, "."), strings.Count(text, ",")
	switch {
	case commas == 0 && points == 0:
		return []string{text}
	case commas > 0 && points > 0 && comma > point: // 1.234,50
		return []string{strings.Replace(strings.ReplaceAll(text, ".", ""), ",", ".", 1)}
	case commas > 0 && points > 0: // 1,234.50
		return []string{strings.ReplaceAll(text, ",", "")}
	case commas > 1: // 1,234,567
		return []string{strings.ReplaceAll(text, ",", "")}
	case points > 1: // 1.234.567
		return []string{strings.ReplaceAll(text, ".", "")}
	case commas == 1 && len(text)-comma-1 != 3: // 2500,00
		return []string{strings.Replace(text, ",", ".", 1)}
	case points == 1 && strings.HasSuffix(text, "."):
		return []string{strings.TrimSuffix(text, ".")}
	case points == 1:
		return []string{text}
	}
	return nil
}

// didYouMean continues a sentence with the word that is nearest to the text, where one is near.
func didYouMean(text string, words []string) string {
	text = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(trim(text)))
	nearest, best := "", 4
	for _, word := range words {
		if d := distance(text, word); d < best && d <= max(1, len(word)/3) {
			nearest, best = word, d
		}
	}
	if nearest == "" || len(text) > 64 {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", nearest)
}

// distance is how many letters must be added, removed, replaced or swapped with their neighbour to make one text the other (optimal
// string alignment). Texts longer than any word of ours are far from all of them.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return max(len(x), len(y))
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
