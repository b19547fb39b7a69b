package lists

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// date gives YYYY, YYYY-MM or YYYY-MM-DD for numbers that are a date, "" for others. A month or a day of 0 is not known.
func date(year, month, day int) string {
	switch {
	case year < 1800 || year > 2100:
		return ""
	case month == 0:
		return pad(year, 4)
	case month < 0 || month > 12:
		return ""
	case day == 0:
		return pad(year, 4) + "-" + pad(month, 2)
	case day < 0 || day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day():
		return ""
	}
	return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2)
}

func pad(n, digits int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, digits-len(s))) + s
}

// number reads digits; anything else is -1, which no date has. Empty is 0: not known.
func number(s string) int {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || len(s) > 4 {
		return -1
	}
	return n
}

var (
	isoDate     = regexp.MustCompile(`^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?`)
	slashedDate = regexp.MustCompile(`^(?:(?:(\d{1,2}|dd)/)?(\d{1,2}|mm)/)?(\d{4})$`)
	spokenDate  = regexp.MustCompile(`^(?:(?:(\d{1,2}) )?([A-Za-z]{3,9})\.? )?(\d{4})$`)
	spokenSpan  = regexp.MustCompile(`^(?i:between )?(.*\d{4})(?: ?(?:to|-|–|and) ?)(.*\d{4})$`)
)

// isoOf reads a date that begins like 1963-02-21, as XML files have them, some with a zone behind.
func isoOf(s string) string {
	m := isoDate.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return ""
	}
	return date(number(m[1]), number(m[2]), number(m[3]))
}

// slashedOf reads a British date: 21/02/1963, where 00 or dd and mm are not known, 02/1963 or 1963.
func slashedOf(s string) string {
	m := slashedDate.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return ""
	}
	month, day := number(strings.TrimPrefix(m[2], "mm")), number(strings.TrimPrefix(m[1], "dd"))
	if month == 0 {
		day = 0
	}
	return date(number(m[3]), month, day)
}

// spokenOf reads a date in words: 21 Feb 1963, Nov. 1973, August 1960 or 1963.
func spokenOf(s string) string {
	m := spokenDate.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return ""
	}
	if m[2] == "" {
		return date(number(m[3]), 0, 0)
	}
	month, err := time.Parse("Jan", m[2][:3])
	if err != nil {
		return ""
	}
	return date(number(m[3]), int(month.Month()), number(m[1]))
}

// spokenBirth reads a birth as OFAC and the UN write it in words: 1951, circa 1951, 1959 to 1961, Between Aug. and Sep. 1977. What
// cannot be read is left out: it stays in the remarks.
func spokenBirth(s string) (Birth, bool) {
	s = strings.TrimSpace(s)
	var b Birth
	for _, about := range []string{"circa ", "approximately ", "approx. ", "about "} {
		if len(s) > len(about) && strings.EqualFold(s[:len(about)], about) {
			s, b.Circa = strings.TrimSpace(s[len(about):]), true
		}
	}
	if m := spokenSpan.FindStringSubmatch(s); m != nil {
		b.From, b.To = spokenOf(m[1]), spokenOf(m[2])
		return b, b.From != "" && b.To != ""
	}
	b.From = spokenOf(s)
	return b, b.From != ""
}

func (e *Entry) birth(b Birth) {
	if b.From != "" {
		e.Births = append(e.Births, b)
	}
}
