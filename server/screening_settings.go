package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
)

// screeningSettings are what the settings say of the sanctions lists.
type screeningSettings struct {
	required []lists.Authority
	refresh  time.Duration // never when zero
	sources  []sanctions.Source
}

// leastRefresh is how often an authority may be asked at most: their servers are for everybody.
const leastRefresh = 10 * time.Minute

func (s *settings) screening() (screeningSettings, error) {
	var all screeningSettings
	var err error
	if all.required, err = lists.ParseAuthorities(s.ScreeningLists); err != nil {
		return all, fmt.Errorf("--screening-lists (ANTON_SCREENING_LISTS): %w", err)
	}
	if s.ScreeningMaxAge < 0 {
		return all, fmt.Errorf("--screening-max-age (ANTON_SCREENING_MAX_AGE): %s is before the refresh", s.ScreeningMaxAge)
	}
	for _, text := range append(s.ScreeningSources, strings.FieldsFunc(os.Getenv("ANTON_SCREENING_SOURCES"), func(r rune) bool { return r == ';' })...) {
		source, err := sanctions.ParseSource(strings.TrimSpace(text))
		if err != nil {
			return all, fmt.Errorf("--screening-source (ANTON_SCREENING_SOURCES): %w", err)
		}
		all.sources = append(all.sources, source)
	}
	switch word := s.ScreeningRefresh; {
	case word == "off", word == "" && s.Environment != "live":
	case word == "":
		all.refresh = 24 * time.Hour
	default:
		if all.refresh, err = time.ParseDuration(word); err != nil || all.refresh < leastRefresh || all.refresh > 24*time.Hour {
			return all, fmt.Errorf("--screening-refresh (ANTON_SCREENING_REFRESH): %q is neither off nor a time from %s to 24h", word, leastRefresh)
		}
	}
	return all, nil
}
