package main

import (
	"context"
	"fmt"
	"os"

	"github.com/antonpayments/anton/server/bench"
	"github.com/antonpayments/anton/server/screening/lists"
)

type benchScreeningCommand struct {
	Set   string `help:"Folder with labelled names: true.tsv and false.tsv." default:"../shared/screening-dev" type:"existingdir"`
	Lists string `help:"Folder with the authorities' lists." default:"../shared/lists" type:"existingdir"`
	JSON  bool   `name:"json" help:"Write the report as JSON."`
}

// Run measures and reports.
func (c *benchScreeningCommand) Run(ctx context.Context) error {
	progress := progressLine()
	report, err := bench.Screening(ctx, bench.ScreeningConfig{
		Set: c.Set, Lists: c.Lists, Progress: progress,
		Read: func(ctx context.Context, authority lists.Authority, path string) (*lists.List, error) {
			return readSource(ctx, authority, path, os.Stderr)
		},
	})
	progress("")
	if err != nil {
		return err
	}
	if !c.JSON {
		report.Print(os.Stdout)
		return nil
	}
	text, err := report.JSON()
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	fmt.Println(string(text))
	return nil
}
