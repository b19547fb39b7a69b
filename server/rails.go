package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cheggaaa/pb/v3"
	"google.golang.org/protobuf/encoding/protojson"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/unit"
)

// railsCommand is for whoever exchanges files with banks. It works beside running servers.
type railsCommand struct {
	Take      railsTakeCommand      `cmd:"" help:"Take files that a bank sent, and say what each of their entries came to."`
	Reconcile railsReconcileCommand `cmd:"" help:"Compare what went out on a banking day with what the bank said of it. Ends with 1 when something does not fit."`
	Recalls   railsRecallsCommand   `cmd:"" help:"List recalls that are open: what was asked back, what banks answered, and for how long."`
}

// railSettings are the settings that the rails' commands need, besides the server's own.
type railSettings struct {
	settings
}

// on has fn work with an assembled server, which serves nobody and runs no job.
func (c *railSettings) on(ctx context.Context, fn func(*assembly.Server) error) error {
	c.LogLevel = "error"
	if err := c.check(); err != nil {
		return err
	}
	if c.Rails == "" {
		return errors.New("no rail is set up: name the file with --rails (ANTON_RAILS)")
	}
	log := c.logger()
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return err
	}
	defer done()
	keys, err := loadKeys(ctx, &c.settings, pool, log)
	if err != nil {
		return err
	}
	rails, err := c.rails()
	if err != nil {
		return err
	}
	server, err := assembly.New(assembly.Config{
		Pool: pool, Keys: keys, Clock: time.Now, Log: log, Environment: c.Environment, KeepHeld: c.HitFunds == "keep_held", Rails: rails,
	})
	if err != nil {
		return err
	}
	return fn(server)
}

// railNamed finds a rail; the only one where no name is given.
func railNamed(server *assembly.Server, name string) (*files.Rail, error) {
	all := server.Rails.Rails
	if name == "" && len(all) == 1 {
		return all[0], nil
	}
	var names []string
	for _, r := range all {
		if r.Name() == name {
			return r, nil
		}
		names = append(names, r.Name())
	}
	return nil, fmt.Errorf("say which rail with --rail: %s", strings.Join(names, ", "))
}

type railsTakeCommand struct {
	railSettings
	Rail  string   `help:"The rail whose bank sent them; the only one when absent." placeholder:"NAME"`
	Files []string `arg:"" type:"existingfile" help:"The files."`
}

// Run takes one file after the other. One that is refused keeps no other from being taken. Stopped with Ctrl-C it leaves a file that is
// stored and whose entries a server goes on to decide.
func (c *railsTakeCommand) Run(ctx context.Context) error {
	return c.on(ctx, func(server *assembly.Server) error {
		rail, err := railNamed(server, c.Rail)
		if err != nil {
			return err
		}
		refused := 0
		for _, path := range c.Files {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := takeFile(ctx, os.Stdout, server, rail, path); err != nil {
				refused++
				fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			}
		}
		if refused > 0 {
			return fmt.Errorf("%d of %d files were not taken", refused, len(c.Files))
		}
		return nil
	})
}

func takeFile(ctx context.Context, out io.Writer, server *assembly.Server, rail *files.Rail, path string) error {
	content, err := readBounded(path, files.MaxFile)
	if err != nil {
		return err
	}
	var file db.RailFile
	err = server.Runner.Do(ctx, unit.Who{Actor: "command_line"}, false, func(ctx context.Context, u *unit.Unit) error {
		file, err = rail.Take(ctx, u, filepath.Base(path), content)
		return err
	})
	if err != nil {
		return err
	}
	progress := func(int) {}
	if isTerminal(os.Stderr) {
		bar := pb.New(int(file.Entries)).SetWriter(os.Stderr).Start()
		progress = func(n int) { bar.Add(n) }
		defer bar.Finish()
	}
	if _, err := server.RailClerk.Process(ctx, rail.Name(), file.ID, progress); err != nil {
		return err
	}
	outcomes, err := files.Outcomes(ctx, db.New(server.Runner.Pool), file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is %s: %d entries, %d applied, %d known already, %d from another file, %d for a person to look at.\n",
		file.Name, file.ID, file.Entries, outcomes["applied"], outcomes["noted"], outcomes["duplicate"], outcomes["case"])
	return err
}

// readBounded reads a file that has so many bytes at most.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("it has more than %d MiB", limit>>20)
	}
	return content, err
}

type railsReconcileCommand struct {
	railSettings
	Rail string    `help:"The rail; the only one when absent." placeholder:"NAME"`
	Day  time.Time `help:"The banking day; the last one before today when absent." format:"2006-01-02" placeholder:"DATE"`
	JSON bool      `name:"json" help:"Print the result as JSON."`
}

// Run compares.
func (c *railsReconcileCommand) Run(ctx context.Context) error {
	return c.on(ctx, func(server *assembly.Server) error {
		rail, err := railNamed(server, c.Rail)
		if err != nil {
			return err
		}
		now := server.Runner.Now()
		day := c.Day
		if day.IsZero() {
			day = rail.Windows().After(rail.Windows().Day(now), -1)
		}
		found, err := rail.Reconcile(ctx, db.New(server.Runner.Pool), day, now)
		if err != nil {
			return err
		}
		if c.JSON {
			_, err = fmt.Println(protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Format(found))
		} else {
			err = printReconciliation(os.Stdout, found)
		}
		if n := found.GetMissing() + found.GetDifferent() + found.GetExtra(); err == nil && n > 0 {
			err = fmt.Errorf("%d payments do not fit", n)
		}
		return err
	})
}

func printReconciliation(out io.Writer, r *opsv1.RailReconciliation) error {
	fmt.Fprintf(out, "%s, %s: %d payments went out; %d the bank confirmed or answered, %d it said nothing of, %d are missing, %d differ. %d came up that are not ours.\n",
		r.GetRail(), r.GetDay(), r.GetPayments(), r.GetMatched(), r.GetSilent(), r.GetMissing(), r.GetDifferent(), r.GetExtra())
	if len(r.GetItems()) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATUS\tREFERENCE\tAMOUNT\tPAYOUT\tFILE\tCASE\tFOR")
	for _, i := range r.GetItems() {
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n", i.GetStatus(), i.GetReference(), i.GetAmount(), i.GetCurrency(), i.GetPayoutId(), i.GetFileId(),
			i.GetCaseId(), (time.Duration(i.GetAgeSeconds()) * time.Second).String())
	}
	return w.Flush()
}
