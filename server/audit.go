package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Recompute the seals over the audit log and name the first row that was changed. Ends with 1 when one was."`
	Export auditExportCommand `cmd:"" help:"Write the sealed audit rows with their seals, as JSON lines that others can verify."`
}

// chainFlag chooses whose rows.
type chainFlag struct {
	Merchant string `help:"Only the rows of this merchant; platform for the platform's own." placeholder:"ID"`
}

func (f chainFlag) merchant() *string {
	switch f.Merchant {
	case "":
		return nil
	case "platform":
		return new("")
	}
	return &f.Merchant
}

type auditVerifyCommand struct {
	database
	chainFlag
	JSON    bool   `name:"json" help:"Print the result as JSON."`
	Heads   string `help:"File to write each chain's newest seal to, when nothing is wrong. Keep it where nobody who can write to the database can." type:"path" placeholder:"FILE"`
	Against string `help:"File of newest seals that --heads wrote earlier: they must still be there." type:"existingfile" placeholder:"FILE"`
}

// kept is the file of heads.
type kept struct {
	TakenAt time.Time    `json:"taken_at"`
	Heads   []audit.Head `json:"heads"`
}

// Run verifies the chains.
func (c *auditVerifyCommand) Run(ctx context.Context) error {
	before, err := readHeads(c.Against)
	if err != nil {
		return err
	}
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return err
	}
	defer done()
	check := audit.Check{Queries: db.New(pool), Merchant: c.merchant(), Against: before}
	if isTerminal(os.Stderr) {
		check.Progress = progressBar(os.Stderr)
	}
	chains, err := check.Verify(ctx)
	if check.Progress != nil {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if err != nil {
		return fmt.Errorf("verify the audit log: %w", err)
	}
	if len(chains) == 0 && c.Merchant != "" {
		return fmt.Errorf("%s has no audit rows; --merchant takes a merchant's id, or platform", c.Merchant)
	}
	damaged, heads := 0, []audit.Head{}
	for _, chain := range chains {
		if chain.Problem != nil {
			damaged++
		}
		if chain.Head != nil {
			heads = append(heads, *chain.Head)
		}
	}
	if c.JSON {
		err = printJSON(os.Stdout, map[string]any{"intact": damaged == 0, "chains": chains})
	} else {
		err = printChains(os.Stdout, chains, damaged)
	}
	switch {
	case err != nil:
		return err
	case damaged > 0:
		return fmt.Errorf("the audit log is not as it was sealed: %d of %d chains are damaged", damaged, len(chains))
	case c.Heads != "":
		return writeHeads(c.Heads, kept{time.Now().UTC().Truncate(time.Second), heads})
	}
	return nil
}

func printChains(out io.Writer, chains []audit.Chain, damaged int) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHAIN\tROWS\tWAITING\tSEALS\tNEWEST SEAL")
	var rows, seals, waiting int64
	for _, chain := range chains {
		hash := "none"
		if chain.Head != nil {
			hash = chain.Head.Hash
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", audit.Whose(chain.Merchant), chain.Rows, chain.Waiting, chain.Seals, hash)
		rows, seals, waiting = rows+chain.Rows, seals+chain.Seals, waiting+chain.Waiting
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, chain := range chains {
		if chain.Problem != nil {
			fmt.Fprintf(out, "DAMAGED  %s\n", chain.Problem)
		}
	}
	if damaged == 0 {
		fmt.Fprint(out, "OK  ")
	}
	fmt.Fprintf(out, "%d rows under %d seals are as they were sealed; %d rows wait for their seal.\n", rows, seals, waiting)
	return nil
}

func readHeads(path string) ([]audit.Head, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the kept seals: %w", err)
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil || k.TakenAt.IsZero() {
		return nil, fmt.Errorf("%s is not a file that --heads wrote: %w", path, errors.Join(err, errors.New("it has no heads")))
	}
	return k.Heads, nil
}

func writeHeads(path string, k kept) error {
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("write the newest seals: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the newest seals: %w", err)
	}
	return nil
}

// progressBar draws how far a long verification is, five times a second at most.
func progressBar(out io.Writer) func(done, of int64) {
	var drawn time.Time
	return func(done, of int64) {
		if of == 0 || time.Since(drawn) < 200*time.Millisecond {
			return
		}
		drawn = time.Now()
		const width = 30
		filled := int(min(width, done*width/of))
		fmt.Fprintf(out, "\r[%s%s] %3d%%  %d of %d rows ", strings.Repeat("#", filled), strings.Repeat(".", width-filled), done*100/of, done, of)
	}
}

type auditExportCommand struct {
	database
	chainFlag
	Out string `help:"File to write to; standard output when absent." type:"path" placeholder:"FILE"`
}

// Run writes the export.
func (c *auditExportCommand) Run(ctx context.Context) (err error) {
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return err
	}
	defer done()
	file := os.Stdout
	if c.Out != "" {
		if file, err = os.OpenFile(c.Out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	out := bufio.NewWriter(file)
	rows, seals, err := audit.Export(ctx, db.New(pool), c.merchant(), out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%d rows and %d seals were exported; docs/audit says how to verify them.\n", rows, seals)
	return nil
}
