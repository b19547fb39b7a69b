package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/unit"
)

// checkFx refuses settings of exchange rates that make no sense.
func (s *settings) checkFx() error {
	if err := fx.Source(s.FxSource).Check(); err != nil {
		return fmt.Errorf("--fx-source (ANTON_FX_SOURCE): %w", err)
	}
	if s.FxMaxAge < 1 {
		return errors.New("--fx-max-age (ANTON_FX_MAX_AGE) must be at least 1: rates are published once a business day")
	}
	if s.FxMarkup < 0 || s.FxMarkup > 1000 {
		return errors.New("--fx-markup-bps (ANTON_FX_MARKUP_BPS) must be from 0 to 1000, which is a tenth")
	}
	return nil
}

// fxSource is where rates come from: the sandbox's own where nothing else is said, the ECB in live.
func (s *settings) fxSource() fx.Source {
	if s.FxSource == "" && s.Environment == "live" {
		return fx.ECB
	}
	return fx.Source(s.FxSource)
}

// fxCommand is for whoever looks after the exchange rates. It works beside running servers, which read the rates anew for every quote.
type fxCommand struct {
	Refresh fxRefreshCommand `cmd:"" help:"Get the exchange rates now: from the European Central Bank, or from where --source says."`
	Status  fxStatusCommand  `cmd:"" help:"Say how old the exchange rates are and what the last refresh brought. Ends with 1 when no quotes are given on them."`
}

type fxRefreshCommand struct {
	database
	Source       string `help:"URL or path of a file in the form of the ECB's eurofxref-daily.xml or eurofxref-hist-90d.xml; the ECB's daily file when absent." default:"" env:"ANTON_FX_SOURCE" placeholder:"SOURCE"`
	By           string `help:"Who you are, as the record of the refresh will say." default:"command_line" placeholder:"NAME"`
	AcceptReason string `help:"Why a file that lost a currency, or in which a rate moved by more than a fifth, is right. Needs --by. Without it such a file is refused." placeholder:"TEXT"`
}

// Run refreshes once.
func (c *fxRefreshCommand) Run(ctx context.Context) error {
	source := fx.Source(c.Source)
	if source == "" {
		source = fx.ECB
	}
	if err := source.Check(); err != nil {
		return err
	}
	switch {
	case len([]rune(c.By)) < 1 || len([]rune(c.By)) > 100:
		return errors.New("--by must have 1 to 100 characters")
	case c.AcceptReason != "" && c.By == "command_line":
		return errors.New("--accept-reason needs --by with your name")
	case len([]rune(c.AcceptReason)) > 500:
		return errors.New("--accept-reason must have at most 500 characters")
	}
	return c.on(ctx, func(runner *unit.Runner) error {
		refresher := &fx.Refresher{Runner: runner, Source: source}
		row, err := refresher.Refresh(ctx, c.By, fx.Waiver(strings.TrimSpace(c.AcceptReason)))
		if err != nil {
			return err
		}
		switch row.Outcome {
		case "taken":
			fmt.Printf("%s are in force.\n", row.Detail)
		case "unchanged":
			fmt.Println("There is nothing newer.")
		default:
			return fmt.Errorf("the rates stayed as they were: %s", row.Detail)
		}
		return nil
	})
}

type fxStatusCommand struct {
	database
	MaxAge int  `help:"On how many business days newer rates may fail to appear." default:"4" env:"ANTON_FX_MAX_AGE" placeholder:"DAYS"`
	JSON   bool `name:"json" help:"Print the result as JSON."`
}

// fxStatus is what the command prints.
type fxStatus struct {
	Source          string            `json:"source"`
	AsOf            *time.Time        `json:"as_of"`
	BusinessDaysOld int               `json:"business_days_old"`
	Usable          bool              `json:"usable"`
	LastRefresh     *time.Time        `json:"last_refresh_at"`
	LastOutcome     string            `json:"last_outcome"`
	LastDetail      string            `json:"last_detail"`
	Rates           map[string]string `json:"rates"`
}

// Run prints the status.
func (c *fxStatusCommand) Run(ctx context.Context) error {
	return c.on(ctx, func(runner *unit.Runner) error {
		known, err := fx.Desk{MaxAge: c.MaxAge}.Status(ctx, db.New(runner.Pool), runner.Now(), nil)
		if err != nil {
			return err
		}
		out := fxStatus{Source: known.Source, AsOf: known.AsOf, BusinessDaysOld: known.Missed, Usable: known.Usable, Rates: map[string]string{}}
		if known.Last != nil {
			out.LastRefresh, out.LastOutcome, out.LastDetail = &known.Last.At, known.Last.Outcome, known.Last.Detail
		}
		for _, row := range known.Rates {
			out.Rates[row.Quote] = row.Rate.Text('f')
		}
		if c.JSON {
			encoder := json.NewEncoder(os.Stdout)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(out); err != nil {
				return fmt.Errorf("print the status: %w", err)
			}
		} else if err := out.print(); err != nil {
			return err
		}
		if !out.Usable {
			return errors.New("no quotes are given: there are no exchange rates, or they are too old")
		}
		return nil
	})
}

func (s *fxStatus) print() error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if s.AsOf == nil {
		fmt.Fprintln(table, "rates\tnone")
	} else {
		fmt.Fprintf(table, "rates\t%d currencies from %s\n", len(s.Rates), s.Source)
		fmt.Fprintf(table, "published\t%s, %d business days ago\n", s.AsOf.UTC().Format(time.RFC3339), s.BusinessDaysOld)
	}
	if s.LastRefresh != nil {
		fmt.Fprintf(table, "last refresh\t%s %s %s\n", s.LastRefresh.UTC().Format(time.RFC3339), s.LastOutcome, s.LastDetail)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}
