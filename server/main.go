// Command anton is the payouts platform: one server for REST and gRPC, and the tools around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/antonpayments/anton/server/screening"
)

type cli struct {
	Config string `help:"File with settings, a line each: NAME=value, the names as in the environment." type:"existingfile" placeholder:"FILE" env:"ANTON_CONFIG"`

	Serve   serveCommand   `cmd:"" help:"Run the server." default:"withargs"`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date."`
	Keys    keysCommand    `cmd:"" help:"Make, list and revoke operators' keys; the first one of a live server comes from here."`
	Keyset  keysetCommand  `cmd:"" help:"Make, rotate and retire the encryption keys, and re-encrypt what the old ones encrypted."`
	Demo    demoCommand    `cmd:"" help:"Send a payout, step by step, as the guide does it."`
	Listen  listenCommand  `cmd:"" help:"Stream your events and forward them, signed, to a program on this machine."`
	Trigger triggerCommand `cmd:"" help:"Make an event happen in the sandbox."`
	Ledger  ledgerCommand  `cmd:"" help:"Look after the ledger."`
	Audit   auditCommand   `cmd:"" help:"Look after the audit log."`
	Lists   listsCommand   `cmd:"" help:"Look after the sanctions lists: refresh, status, diff, check."`
	Fx      fxCommand      `cmd:"" help:"Look after the exchange rates: refresh, status."`
	Engine  engineCommand  `cmd:"" help:"Look into what the engine decided, and try another risk model on it."`
	Rails   railsCommand   `cmd:"" help:"Exchange files with the banks of the rails: take theirs, compare them with ours."`
	Screen  screenCommand  `cmd:"" help:"Screen names against sanctions lists, without a database."`
	Bench   benchCommand   `cmd:"" help:"Measure how payouts are created, or how names are screened."`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "anton:", err)
		os.Exit(1)
	}
}

func run() error {
	if err := readConfigFile(os.Args[1:]); err != nil {
		return err
	}
	var c cli
	parsed := kong.Parse(&c,
		kong.Name("anton"),
		kong.Description("The Anton payouts platform. Settings come from flags, then from the environment, then from the file of --config."),
		kong.ShortUsageOnError(),
		kong.Vars{"possible_score": fmt.Sprint(screening.PossibleScore)},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the first signal asks to finish; from then on a second one ends the program where it stands
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("interrupted, before it was done") // what it was in the middle of is of no use to whoever pressed Ctrl-C
	}
	return err
}
