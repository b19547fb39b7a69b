package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/risk"
)

type engineCommand struct {
	Replay engineReplayCommand `cmd:"" help:"Score past payouts again: one by the model that scored it, or all of a period by a model that is to be tried. Changes nothing."`
}

type engineReplayCommand struct {
	database
	Payout   string    `help:"Recompute the stored verdicts of this payout, pay_…. Ends with 1 when a score comes out differently." placeholder:"ID" xor:"what"`
	Model    string    `help:"Try this model on the stored facts: a file, or a version that came with the program." placeholder:"FILE|VERSION" xor:"what"`
	From     time.Time `help:"First day of the payouts that --model is tried on, in UTC; 30 days ago when absent." format:"2006-01-02" placeholder:"DATE"`
	To       time.Time `help:"Day after the last one, in UTC; now when absent." format:"2006-01-02" placeholder:"DATE"`
	Merchant string    `help:"Only payouts of this merchant, mer_…." placeholder:"ID"`
	Most     int64     `help:"How many payouts are looked at, merchant by merchant, the oldest of each first; a million when absent." default:"1000000" placeholder:"N"`
	Show     int       `help:"How many of the payouts that would fare otherwise are listed; 50 when absent." default:"50" placeholder:"N"`
}

// Run replays.
func (c *engineReplayCommand) Run(ctx context.Context) error {
	if (c.Payout == "") == (c.Model == "") {
		return errors.New("say what to replay: --payout pay_…, or --model with a file or a version")
	}
	if c.Most < 1 || c.Show < 0 {
		return errors.New("--most must be one or more, and --show not below zero")
	}
	var model *risk.Model
	if c.Model != "" {
		var err error
		if model, err = findModel(c.Model); err != nil {
			return err
		}
	}
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return err
	}
	defer done()
	if c.Payout != "" {
		verdicts, err := engine.Recompute(ctx, pool, c.Payout)
		if err != nil {
			return err
		}
		return printRecomputed(os.Stdout, c.Payout, verdicts)
	}
	replay := engine.Replay{Pool: pool, Model: model, From: c.From, To: c.To, Most: c.Most}
	if replay.To.IsZero() {
		replay.To = time.Now()
	}
	if replay.From.IsZero() {
		replay.From = replay.To.AddDate(0, 0, -30)
	}
	if c.Merchant != "" {
		replay.Merchant = &c.Merchant
	}
	return c.try(ctx, &replay)
}

// findModel gives the model of a file, or else the one of that version.
func findModel(name string) (*risk.Model, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		m, err := risk.Find(name)
		if err != nil {
			return nil, fmt.Errorf("%w; and there is no such file", err)
		}
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the risk model: %w", err)
	}
	return risk.ParseModel(text)
}

func printRecomputed(out io.Writer, payout string, verdicts []engine.Recomputed) error {
	if len(verdicts) == 0 {
		return fmt.Errorf("%s has no verdict: it does not exist, or was not judged yet", payout)
	}
	different := 0
	for _, v := range verdicts {
		fmt.Fprintf(out, "%s of %s, %s: scored %d (review from %d) by model %s.\n",
			v.Verdict, v.CreatedAt.UTC().Format(time.RFC3339), v.Outcome, v.Stored.Score, v.Stored.ReviewFrom, v.Stored.Model)
		for _, s := range v.Again.Signals {
			fmt.Fprintf(out, "  %+5d  %-32s %s\n", s.Points, s.Code, s.Says)
		}
		if v.Same() {
			fmt.Fprintln(out, "Recomputed: the same.")
			continue
		}
		different++
		fmt.Fprintf(out, "Recomputed: DIFFERENT, %d (review from %d).\n", v.Again.Score, v.Again.ReviewFrom)
	}
	if different > 0 {
		return fmt.Errorf("%d of %d verdicts come out differently", different, len(verdicts))
	}
	return nil
}

// try runs the replay and tells what the model would change. Stopped with Ctrl-C it tells what it knows.
func (c *engineReplayCommand) try(ctx context.Context, replay *engine.Replay) error {
	var changes []engine.Change
	more := 0
	replay.Changed = func(change engine.Change) {
		if len(changes) < c.Show {
			changes = append(changes, change)
		} else {
			more++
		}
	}
	replay.Progress = progressLines(os.Stderr)
	if isTerminal(os.Stderr) {
		replay.Progress = progressBar(os.Stderr)
	}
	tried, err := replay.Run(ctx)
	if isTerminal(os.Stderr) {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if printErr := printTried(os.Stdout, replay, tried, changes, more); printErr != nil {
		return printErr
	}
	if err != nil {
		return fmt.Errorf("stopped after %d verdicts; nothing was changed", tried.Verdicts)
	}
	return nil
}

// outcomes are in the order in which they are told.
var outcomes = []engine.Outcome{engine.Clear, engine.Review, engine.VelocityBlock, engine.ScreeningHit}

func printTried(out io.Writer, replay *engine.Replay, tried engine.Tried, changes []engine.Change, more int) error {
	fmt.Fprintf(out, "Model %s on %d verdicts from %s to %s. Nothing was changed.\n", replay.Model.Version, tried.Verdicts,
		replay.From.UTC().Format(time.RFC3339), replay.To.UTC().Format(time.RFC3339))
	if tried.Skipped > 0 {
		fmt.Fprintf(out, "%d of them were made before their facts were kept, and were left out.\n", tried.Skipped)
	}
	if tried.Left > 0 {
		fmt.Fprintf(out, "%d more were not looked at; --most or a shorter period says which are.\n", tried.Left)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nWAS\tWOULD BE\tPAYOUTS")
	for _, was := range outcomes {
		for _, becomes := range outcomes {
			if n := tried.Moves[engine.Move{Was: was, Becomes: becomes}]; n > 0 {
				fmt.Fprintf(table, "%s\t%s\t%d\n", was, becomes, n)
			}
		}
	}
	if len(changes) > 0 {
		fmt.Fprintln(table, "\nPAYOUT\tMERCHANT\tWAS\tSCORE\tWOULD BE\tSCORE")
	}
	for _, c := range changes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%d\n", c.Payout, c.Merchant, c.Was, c.WasScore, c.Becomes, c.Score)
	}
	if more > 0 {
		fmt.Fprintf(table, "and %d more; --show lists them\n", more)
	}
	return table.Flush()
}
