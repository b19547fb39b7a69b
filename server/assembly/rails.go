package assembly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"

	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/ach"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/interbank"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/rails/sepa"
	"github.com/antonpayments/anton/server/unit"
)

// RailSettings say which rails run besides the sandbox's, and how. They are a JSON object with a member for each.
type RailSettings struct {
	ACH       *achSettings       `json:"ach,omitempty"`
	SEPA      *sepaSettings      `json:"sepa,omitempty"`
	Interbank *interbankSettings `json:"interbank,omitempty"`

	// Directory is where the rails' files lie, a directory for each rail, unless its settings name another.
	Directory string `json:"-"`
}

type achSettings struct {
	railSettings
	ach.Settings
}

type sepaSettings struct {
	railSettings
	sepa.Settings
}

type interbankSettings struct {
	railSettings
	interbank.Settings
}

// railSettings are what every rail that works by files is told.
type railSettings struct {
	// Directory is where its files lie.
	Directory string `json:"directory,omitempty"`
	// Countries are those it serves, of those that its scheme reaches; all of them when absent.
	Countries []string `json:"countries,omitempty"`
	// Confirms says that the bank tells of every payment, so that one that it does not is missing.
	Confirms bool `json:"confirms,omitempty"`
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// ReadRailSettings reads the settings, and holds each rail's against what the rail needs.
func ReadRailSettings(text []byte) (*RailSettings, error) {
	s := &RailSettings{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("it is no JSON as rails are set up with: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows after the settings")
	}
	_, err := s.formats()
	return s, err
}

// A setUp is a format with the settings that are not its own.
type setUp struct {
	files.Format
	railSettings
}

// formats makes the formats of the rails that are set up.
func (s *RailSettings) formats() ([]setUp, error) {
	if s == nil {
		return nil, nil
	}
	var all []setUp
	var wrong error
	add := func(name string, common railSettings, format files.Format, err error) {
		for _, c := range common.Countries {
			if !country.MatchString(c) {
				err = errors.Join(err, fmt.Errorf("countries: %q is no ISO 3166-1 alpha-2 code in capitals", c))
			}
		}
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("the rail %s: %w", name, err))
			return
		}
		all = append(all, setUp{format, common})
	}
	if s.ACH != nil {
		format, err := ach.New(s.ACH.Settings)
		add(ach.Name, s.ACH.railSettings, format, err)
	}
	if s.SEPA != nil {
		format, err := sepa.New(s.SEPA.Settings)
		add(sepa.Name, s.SEPA.railSettings, format, err)
	}
	if s.Interbank != nil {
		format, err := interbank.New(s.Interbank.Settings)
		add(interbank.Name, s.Interbank.railSettings, format, err)
	}
	return all, wrong
}

// open opens the rails that are set up. It makes their directories.
func (s *RailSettings) open(c Config, runner *unit.Runner) ([]*files.Rail, error) {
	formats, err := s.formats()
	if err != nil {
		return nil, err
	}
	var all []*files.Rail
	for _, f := range formats {
		dir := f.Directory
		if dir == "" {
			dir = filepath.Join(s.Directory, f.Name())
		}
		store, err := files.OpenStore(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, &files.Rail{Format: f.Format, Runner: runner, Keys: c.Keys, Log: c.Log, Store: store, Countries: f.Countries, Confirms: f.Confirms})
	}
	return all, nil
}

// newRegistry puts the rails in order: those that are set up take their corridors first, in test the sandbox's bank all others.
func newRegistry(c Config, byFiles []*files.Rail) *rails.Registry {
	var all []rails.Rail
	for _, r := range byFiles {
		all = append(all, r)
	}
	if c.Environment == "test" {
		all = append(all, &sandbox.Rail{Pool: c.Pool, Clock: c.Clock})
	}
	return rails.NewRegistry(all...)
}
