package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/joho/godotenv"
	"github.com/lmittmann/tint"

	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/risk"
)

// database is the settings that reach the database; every command that needs one has them.
type database struct {
	Data       string `help:"Directory for the private PostgreSQL and the sandbox's keys; ./data when absent." default:"./data" env:"ANTON_DATA" type:"path" placeholder:"DIR"`
	DSN        string `name:"database-url" help:"PostgreSQL to use as the role that serves. Without it the server runs a private one in the data directory." env:"DATABASE_URL" placeholder:"URL"`
	MigrateDSN string `name:"migrate-url" help:"The same database as the role that owns the schema; the serving role when absent." env:"ANTON_MIGRATE_URL" placeholder:"URL"`

	tracer pgx.QueryTracer // of the serving role's statements; nil where none is traced
}

// settings are what the server runs with.
type settings struct {
	database
	Environment      string        `name:"env" help:"test runs the sandbox; live moves money." enum:"test,live" default:"test" env:"ANTON_ENV"`
	HTTPAddr         string        `name:"http-addr" help:"Address of REST and the documentation; 127.0.0.1:8080 when absent." default:"127.0.0.1:8080" env:"ANTON_HTTP_ADDR" placeholder:"ADDR"`
	GRPCAddr         string        `name:"grpc-addr" help:"Address of gRPC; 127.0.0.1:9090 when absent." default:"127.0.0.1:9090" env:"ANTON_GRPC_ADDR" placeholder:"ADDR"`
	AdminAddr        string        `name:"admin-addr" help:"Address of metrics, health and profiles, for those who run the server and nobody else; 127.0.0.1:9091 when absent." default:"127.0.0.1:9091" env:"ANTON_ADMIN_ADDR" placeholder:"ADDR"`
	Keyset           string        `help:"File with the encryption keys; required in live." env:"ANTON_KEYSET" type:"path" placeholder:"FILE"`
	KeysetKMS        string        `name:"keyset-kms-uri" help:"Key of a Vault (or OpenBao) that encrypts the file of --keyset, such as hcvault://vault.example.com:8200/transit/keys/anton; the file is in the clear when absent." env:"ANTON_KEYSET_KMS_URI" placeholder:"URI"`
	HitFunds         string        `name:"screening-hit-funds" help:"What happens to the money of a payout that sanctions screening stopped: release or keep_held. Live must choose; test releases." enum:",release,keep_held" default:"" env:"ANTON_SCREENING_HIT_FUNDS" placeholder:"POLICY"`
	ScreeningLists   string        `name:"screening-lists" help:"Authorities whose sanctions lists must be there before a payout is judged; ofac,ofac-nonsdn,eu,uk,un in live when absent. The sandbox needs its own, invented list alone." default:"" env:"ANTON_SCREENING_LISTS" placeholder:"LIST"`
	ScreeningMaxAge  time.Duration `name:"screening-max-age" help:"How long after its last refresh a sanctions list may be screened with; payouts wait after that." default:"168h" env:"ANTON_SCREENING_MAX_AGE" placeholder:"DURATION"`
	ScreeningRefresh string        `name:"screening-refresh" help:"How often the server asks the authorities for newer lists, such as 24h or 6h, or off; 24h in live and off in test when absent." default:"" env:"ANTON_SCREENING_REFRESH" placeholder:"DURATION"`
	ScreeningSources []string      `name:"screening-source" sep:"none" help:"AUTHORITY=URL or AUTHORITY=PATH instead of the address at which the authority publishes; may be repeated. In the environment the sources have semicolons between them." placeholder:"SOURCE"`
	ScreeningRelease string        `name:"screening-release" help:"How many people it takes to release a party from a listed entry: one or two; two in live and one in test when absent." enum:",one,two" default:"" env:"ANTON_SCREENING_RELEASE" placeholder:"PEOPLE"`
	LogFormat        string        `help:"text for people, json for machines; text on a terminal when absent." enum:",text,json" default:"" env:"ANTON_LOG_FORMAT"`
	LogLevel         string        `help:"Least level that is logged." enum:"debug,info,warn,error" default:"info" env:"ANTON_LOG_LEVEL"`
	ReviewWithin     time.Duration `help:"How long a payout may wait for a reviewer before it is cancelled; 168h when absent." default:"168h" env:"ANTON_REVIEW_WITHIN" placeholder:"DURATION"`
	Clamd            string        `name:"clamd-addr" help:"The clamd that scans uploads, host:port or unix:/path. Without it documents are not scanned." env:"ANTON_CLAMD_ADDR" placeholder:"ADDR"`
	FxSource         string        `name:"fx-source" help:"Where exchange rates are read from, in the form of the European Central Bank's eurofxref files: a URL or a path. In live the ECB's own address when absent; the sandbox has invented rates of its own then." default:"" env:"ANTON_FX_SOURCE" placeholder:"SOURCE"`
	FxMaxAge         int           `name:"fx-max-age" help:"On how many business days of the euro newer exchange rates may fail to appear before quotes are refused." default:"4" env:"ANTON_FX_MAX_AGE" placeholder:"DAYS"`
	FxMarkup         int32         `name:"fx-markup-bps" help:"What is taken off the mid rate, in hundredths of a percent, of merchants for whom no operator set anything." default:"45" env:"ANTON_FX_MARKUP_BPS" placeholder:"BPS"`
	Rails            string        `help:"JSON file that sets up the rails that run besides the sandbox's, with what each bank gave us; docs/rails.md describes it." env:"ANTON_RAILS" type:"path" placeholder:"FILE"`
	RailFiles        string        `help:"Directory where the rails' files lie, in a directory for each rail with out, in and archive; rails in the data directory when absent." env:"ANTON_RAIL_FILES" type:"path" placeholder:"DIR"`
	RiskModel        string        `help:"Version of the risk model that payouts are scored by; the newest when absent." env:"ANTON_RISK_MODEL" placeholder:"VERSION"`

	DrainDelay *time.Duration `help:"How long a server that stops serves on as unready, so that balancers notice; 10s in live and 0s in test when absent." env:"ANTON_DRAIN_DELAY" placeholder:"DURATION"`
}

// check refuses settings that contradict each other, before anything is started.
func (s *settings) check() error {
	if _, err := s.screening(); err != nil {
		return err
	}
	if _, err := s.rails(); err != nil {
		return err
	}
	if err := s.database.check(); err != nil {
		return err
	}
	if s.Keyset != "" {
		if _, err := os.Stat(s.Keyset); err != nil {
			return fmt.Errorf("--keyset (ANTON_KEYSET): %w", err)
		}
	}
	if err := checkClamd(s.Clamd); err != nil {
		return err
	}
	if s.drainDelay() < 0 {
		return errors.New("--drain-delay (ANTON_DRAIN_DELAY) must not be negative")
	}
	if s.ReviewWithin < 0 {
		return errors.New("--review-within (ANTON_REVIEW_WITHIN) must not be negative: a review needs time")
	}
	if err := s.checkFx(); err != nil {
		return err
	}
	if s.RiskModel != "" {
		if _, err := risk.Find(s.RiskModel); err != nil {
			return fmt.Errorf("--risk-model (ANTON_RISK_MODEL): %w", err)
		}
	}
	if s.Environment != "live" {
		return nil
	}
	switch {
	case s.Keyset == "":
		return errors.New("live needs --keyset (ANTON_KEYSET): the sandbox's keys are not for real data")
	case s.HitFunds == "":
		return errors.New("live needs --screening-hit-funds (ANTON_SCREENING_HIT_FUNDS): release or keep_held")
	case s.DSN == "":
		return errors.New("live needs --database-url (DATABASE_URL): the private PostgreSQL is for the sandbox")
	}
	return nil
}

func checkClamd(address string) error {
	if address == "" || strings.HasPrefix(address, "unix:/") {
		return nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" || strings.HasPrefix(address, "unix:") {
		return fmt.Errorf("--clamd-addr (ANTON_CLAMD_ADDR): %q is neither host:port nor unix:/path", address)
	}
	return nil
}

// drainDelay is how long the server is unready before it takes nothing new. The sandbox stands behind no balancer.
func (s *settings) drainDelay() time.Duration {
	switch {
	case s.DrainDelay != nil:
		return *s.DrainDelay
	case s.Environment == "live":
		return 10 * time.Second
	}
	return 0
}

// riskModel is the model that was chosen; nil for the newest.
func (s *settings) riskModel() *risk.Model {
	m, _ := risk.Find(s.RiskModel) // check has found it, or none was named
	return m
}

func (s *settings) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // kong let nothing else through
	if s.LogFormat == "text" || (s.LogFormat == "" && isTerminal(os.Stderr)) {
		return slog.New(observe.Redact(tint.NewTextHandler(os.Stderr, &tint.Options{Level: level, NoColor: !isTerminal(os.Stderr)})))
	}
	return slog.New(observe.Redact(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// readConfigFile puts the settings of the file named by --config or ANTON_CONFIG into the environment, where they are not set already:
// so flags win over the environment, and the environment over the file.
func readConfigFile(args []string) error {
	path := os.Getenv("ANTON_CONFIG")
	for i, arg := range args {
		if arg == "--config" && i+1 < len(args) {
			path = args[i+1]
		} else if value, ok := strings.CutPrefix(arg, "--config="); ok {
			path = value
		}
	}
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	values, err := parseConfig(text)
	if err != nil {
		return fmt.Errorf("read the settings in %s: %w", path, err)
	}
	for name, value := range values {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// parseConfig reads lines of NAME=VALUE. Its errors say where and quote nothing, because passwords stand in such files.
func parseConfig(text []byte) (map[string]string, error) {
	values, err := godotenv.UnmarshalBytes(text)
	if err != nil {
		return nil, fmt.Errorf("line %d is not of the form NAME=VALUE", unreadable(text))
	}
	for name, value := range values {
		if name == "" || strings.ContainsRune(name+value, 0) {
			return nil, errors.New("a setting has no name, or NUL in its name or value")
		}
	}
	return values, nil
}

// unreadable is the number of the line that begins what cannot be read: the one after the most lines that can.
func unreadable(text []byte) int {
	number, read := 1, 0
	for line := range bytes.Lines(text) {
		read += len(line)
		if _, err := godotenv.UnmarshalBytes(text[:read]); err == nil {
			number = 1 + bytes.Count(text[:read], []byte("\n"))
		}
	}
	return number
}
