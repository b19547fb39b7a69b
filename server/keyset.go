package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/keysets"
	"github.com/antonpayments/anton/server/unit"
)

// keysetCommand looks after the encryption keys; docs/operations-keys.md says in which order. None of it ever prints a key, only ids.
type keysetCommand struct {
	Generate  keysetGenerateCommand  `cmd:"" help:"Make a keyset for a live server, in a new file."`
	Status    keysetStatusCommand    `cmd:"" help:"List the keys and how many rows of the database each one still encrypts."`
	Rotate    keysetRotateCommand    `cmd:"" help:"Add a new key and encrypt with it from now on; with --stage only add it, for servers that do not have it yet."`
	Promote   keysetPromoteCommand   `cmd:"" help:"Encrypt with a staged key from now on."`
	Reencrypt keysetReencryptCommand `cmd:"" help:"Bring everything in the database under the primary key, beside running servers."`
	Retire    keysetRetireCommand    `cmd:"" help:"Remove a key that nothing needs any more."`
}

// keysetPlace says where the keyset is: in a file, or in a sandbox's database.
type keysetPlace struct {
	database
	Environment string `name:"env" help:"test finds the keyset in the sandbox's database when --keyset is absent; live needs the file." enum:"test,live" default:"test" env:"ANTON_ENV"`
	Keyset      string `help:"File with the encryption keys." env:"ANTON_KEYSET" type:"path" placeholder:"FILE"`
	KeysetKMS   string `name:"keyset-kms-uri" help:"Key of a Vault (or OpenBao) that encrypts the file." env:"ANTON_KEYSET_KMS_URI" placeholder:"URI"`
}

// A heldKeyset is a keyset where it is kept, and the database that it encrypts; nil where a file was enough.
type heldKeyset struct {
	file crypto.File
	pool *pgxpool.Pool
}

// on has fn work on the keyset. The database is opened, as the schema's owner, when the keyset is in it or fn needs it.
func (p keysetPlace) on(ctx context.Context, needsDatabase bool, fn func(heldKeyset) error) error {
	if p.Environment == "live" && p.Keyset == "" {
		return errors.New("live keeps its keyset in a file: name it with --keyset (ANTON_KEYSET)")
	}
	var held heldKeyset
	var err error
	if p.Keyset != "" {
		if held.file, err = keysetFile(p.Keyset, p.KeysetKMS); err != nil {
			return err
		}
	}
	if needsDatabase || p.Keyset == "" {
		pool, done, err := openAsOwner(ctx, p.database)
		if err != nil {
			return err
		}
		defer done()
		held.pool = pool
	}
	return fn(held)
}

func (h heldKeyset) read(ctx context.Context) (*crypto.Keyset, error) {
	if h.file.Path != "" {
		return h.file.Read()
	}
	keyset, _, err := assembly.KeptKeyset(ctx, h.pool)
	return keyset, err
}

// change changes the keyset in one step, and leaves a row in the audit log where there is a database.
func (h heldKeyset) change(ctx context.Context, action string, by func(*crypto.Keyset) (id uint32, err error)) (id uint32, err error) {
	change := func(k *crypto.Keyset) (err error) {
		id, err = by(k)
		return err
	}
	if h.file.Path != "" {
		err = h.file.Replace(change)
	} else {
		err = assembly.ReplaceKeptKeyset(ctx, h.pool, change)
	}
	if err != nil || h.pool == nil {
		return id, err
	}
	return id, h.runner().Do(ctx, unit.Who{Actor: "command_line"}, false, func(ctx context.Context, u *unit.Unit) error {
		return audit.Record(ctx, u, audit.Row{Action: action, Object: keyName(id)})
	})
}

func (h heldKeyset) runner() *unit.Runner { return &unit.Runner{Pool: h.pool, Clock: time.Now} }

func keyName(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

type keysetGenerateCommand struct {
	Out       string `help:"File to make; it must not exist." required:"" type:"path" placeholder:"FILE"`
	KeysetKMS string `name:"keyset-kms-uri" help:"Key of a Vault (or OpenBao) that encrypts the file, such as hcvault://vault.example.com:8200/transit/keys/anton; in the clear when absent." env:"ANTON_KEYSET_KMS_URI" placeholder:"URI"`
}

// Run makes the keyset.
func (c *keysetGenerateCommand) Run() error {
	file, err := keysetFile(c.Out, c.KeysetKMS)
	if err != nil {
		return err
	}
	keyset, err := crypto.NewKeyset(false)
	if err != nil {
		return err
	}
	if err := file.Create(keyset); err != nil {
		return err
	}
	fmt.Printf("%s has a new keyset, of the key %d. Keep a copy where the database's backups are not: without it nobody can read them.\n", c.Out, keyset.Primary())
	return nil
}

type keysetStatusCommand struct {
	keysetPlace
	JSON bool `name:"json" help:"Print the result as JSON."`
}

// keyStatus is a key as JSON has it.
type keyStatus struct {
	ID      uint32           `json:"id"`
	State   string           `json:"state"` // primary, reads or unknown
	Rows    int64            `json:"rows"`
	Columns map[string]int64 `json:"columns"`
}

// Run lists the keys of the keyset, and those that rows need though the keyset does not have them.
func (c *keysetStatusCommand) Run(ctx context.Context) error {
	return c.on(ctx, true, func(held heldKeyset) error {
		keyset, err := held.read(ctx)
		if err != nil {
			return err
		}
		counts, err := keysets.Counts(ctx, held.pool)
		if err != nil {
			return err
		}
		list := statusOf(keyset, counts)
		if c.JSON {
			return printJSON(os.Stdout, map[string]any{"keys": list})
		}
		if err := printKeys(os.Stdout, list); err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(k keyStatus) bool { return k.State == "unknown" }); i >= 0 {
			return fmt.Errorf("%d rows need the key %d, which this keyset does not have: it is not the database's, or not its newest form", list[i].Rows, list[i].ID)
		}
		return nil
	})
}

func statusOf(keyset *crypto.Keyset, counts []keysets.Count) []keyStatus {
	var list []keyStatus
	known := map[uint32]int{}
	for _, key := range keyset.List() {
		state := "reads"
		if key.Primary {
			state = "primary"
		}
		known[key.ID] = len(list)
		list = append(list, keyStatus{ID: key.ID, State: state, Columns: map[string]int64{}})
	}
	for _, count := range counts {
		at, ok := known[count.Key]
		if !ok {
			at = len(list)
			known[count.Key] = at
			list = append(list, keyStatus{ID: count.Key, State: "unknown", Columns: map[string]int64{}})
		}
		list[at].Rows += count.Rows
		list[at].Columns[count.Column] += count.Rows
	}
	return list
}

func printKeys(out io.Writer, list []keyStatus) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tSTATE\tROWS\tIN")
	for _, key := range list {
		fmt.Fprintf(table, "%d\t%s\t%d\t", key.ID, key.State, key.Rows)
		for _, column := range slices.Sorted(maps.Keys(key.Columns)) {
			fmt.Fprintf(table, "%s %d  ", column, key.Columns[column])
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

type keysetRotateCommand struct {
	keysetPlace
	Stage bool `help:"Add the key without encrypting with it, until it is promoted. Several servers need it so: first all of them read the new key, then one may write with it."`
}

// Run adds a key.
func (c *keysetRotateCommand) Run(ctx context.Context) error {
	return c.on(ctx, false, func(held heldKeyset) error {
		action := "keyset.rotate"
		if c.Stage {
			action = "keyset.stage"
		}
		var was uint32
		id, err := held.change(ctx, action, func(k *crypto.Keyset) (uint32, error) {
			was = k.Primary()
			id, err := k.Stage()
			if err != nil || c.Stage {
				return id, err
			}
			return id, k.Promote(id)
		})
		if err != nil {
			return err
		}
		if c.Stage {
			fmt.Printf("Key %d is staged; %d still encrypts. When every server has this keyset: anton keyset promote %[1]d\n", id, was)
			return nil
		}
		fmt.Printf("Key %d encrypts from now on, in every server that reads this keyset; %d still reads. Then: anton keyset reencrypt\n", id, was)
		return nil
	})
}

type keysetPromoteCommand struct {
	keysetPlace
	ID uint32 `arg:"" name:"key-id" help:"The key, as keyset status shows it."`
}

// Run makes the key the primary.
func (c *keysetPromoteCommand) Run(ctx context.Context) error {
	return c.on(ctx, false, func(held heldKeyset) error {
		_, err := held.change(ctx, "keyset.promote", func(k *crypto.Keyset) (uint32, error) { return c.ID, k.Promote(c.ID) })
		if err != nil {
			return err
		}
		fmt.Printf("Key %d encrypts from now on, in every server that reads this keyset. When all of them do: anton keyset reencrypt\n", c.ID)
		return nil
	})
}

type keysetReencryptCommand struct {
	keysetPlace
}

// Run re-encrypts, and says how far it came when it is interrupted.
func (c *keysetReencryptCommand) Run(ctx context.Context) error {
	return c.on(ctx, true, func(held heldKeyset) error {
		keyset, err := held.read(ctx)
		if err != nil {
			return err
		}
		keys, err := keyset.Keys()
		if err != nil {
			return err
		}
		if err := mayReencrypt(ctx, held.pool); err != nil {
			return err
		}
		job := keysets.Reencryption{Runner: held.runner(), Keys: keys, Progress: progressLines(os.Stderr)}
		if isTerminal(os.Stderr) {
			job.Progress = progressBar(os.Stderr)
		}
		report, err := job.Run(ctx)
		if isTerminal(os.Stderr) {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		}
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("stopped: %d of %d rows that were looked at were re-encrypted; run it again to go on", report.Moved, report.Looked)
		}
		if err != nil {
			return err
		}
		fmt.Printf("%d rows were re-encrypted with the key %d; %d had it before.\n", report.Moved, keys.Primary(), report.Looked-report.Moved-report.BrokenRows)
		for _, broken := range report.Broken {
			fmt.Fprintln(os.Stderr, "does not open:", broken)
		}
		if report.BrokenRows > 0 {
			return fmt.Errorf("%d rows do not open with this keyset and were left as they are", report.BrokenRows)
		}
		return nil
	})
}

// mayReencrypt says in a sentence when the role may not do it.
func mayReencrypt(ctx context.Context, pool *pgxpool.Pool) error {
	var may bool
	if err := pool.QueryRow(ctx, "select has_column_privilege('instruments', 'details', 'update')").Scan(&may); err != nil {
		return fmt.Errorf("check the rights of the role: %w", err)
	}
	if !may {
		return errors.New("to re-encrypt takes the role that owns the schema: give --migrate-url (ANTON_MIGRATE_URL); the role that serves may not change an account's details")
	}
	return nil
}

// progressLines tells how far a long run is without a terminal: one line every ten seconds.
func progressLines(out io.Writer) func(done, of int64) {
	told := time.Now()
	return func(done, of int64) {
		if time.Since(told) >= 10*time.Second {
			told = time.Now()
			fmt.Fprintf(out, "%d of %d rows\n", done, of)
		}
	}
}

type keysetRetireCommand struct {
	keysetPlace
	ID uint32 `arg:"" name:"key-id" help:"The key, as keyset status shows it."`
}

// Run removes the key, once no row needs it.
func (c *keysetRetireCommand) Run(ctx context.Context) error {
	return c.on(ctx, true, func(held heldKeyset) error {
		_, err := held.change(ctx, "keyset.retire", func(k *crypto.Keyset) (uint32, error) {
			if err := k.Retire(c.ID); err != nil {
				return c.ID, err
			}
			counts, err := keysets.Counts(ctx, held.pool)
			if err != nil {
				return c.ID, err
			}
			if rows := keysets.RowsOf(counts)[c.ID]; rows > 0 {
				return c.ID, fmt.Errorf("%d rows still need the key %d: run anton keyset reencrypt first", rows, c.ID)
			}
			return c.ID, nil
		})
		if err != nil {
			return err
		}
		fmt.Printf("Key %d is gone from the keyset. Backups of the database from before the re-encryption need the keyset as it was.\n", c.ID)
		return nil
	})
}
