package xsd

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// space is the namespace of every message; its version follows.
const space = "urn:iso:std:iso:20022:tech:xsd:"

// A source is where the schema of a version is published. The files are ISO's own, as the module github.com/moov-io/iso20022 has them.
type source struct {
	file string // its schema, in docs/specifications
	// Where the version's own schema is not there: which one the file is of, the version after it.
	later string
	// The version's own Go types, where the module has those: their package and the message's. What a message has in it must be there too.
	folder, message string
	// Where it has none: the elements in which the two versions differ. A message with one of them is not held to be right.
	changed []string
}

// sources are the versions that we write and read. What changed from one to the next, all in 2020: mandates of credit transfers came, and
// instructions to agents are in other types, which the types of the module's other messages show as well.
//
//   - pain.001: CreditTransferTransaction34 (also in the European Payments Council's schema of EPC132-08, 2023) and 40.
//   - pain.002: PaymentTransaction105 and 126 differ in their OriginalTransactionReference.
//   - pacs.004: PaymentTransaction112 and 118 differ in theirs too, and TransactionParties7 and 8.
var sources = map[string]source{
	"camt.053.001.08": {file: "banktocustomer_cash_management_8/camt.053.001.08.xsd"},
	"camt.054.001.08": {file: "banktocustomer_cash_management_8/camt.054.001.08.xsd"},
	"camt.029.001.09": {
		file: "exceptions__investigations_10/camt.029.001.10.xsd", later: "camt.029.001.10",
		folder: "camt_v09", message: "ResolutionOfInvestigationV09",
	},
	"camt.056.001.08": {
		file: "exceptions__investigations_10/camt.056.001.09.xsd", later: "camt.056.001.09",
		folder: "camt_v08", message: "FIToFIPaymentCancellationRequestV08",
	},
	"pacs.002.001.10": {
		file: "payments_clearing_and_settlement_10/pacs.002.001.11.xsd", later: "pacs.002.001.11",
		folder: "pacs_v10", message: "FIToFIPaymentStatusReportV10",
	},
	"pacs.008.001.08": {
		file: "payments_clearing_and_settlement_10/pacs.008.001.09.xsd", later: "pacs.008.001.09",
		folder: "pacs_v08", message: "FIToFICustomerCreditTransferV08",
	},
	"pacs.004.001.09": {
		file: "payments_clearing_and_settlement_10/pacs.004.001.10.xsd", later: "pacs.004.001.10", changed: []string{"RtrChain", "OrgnlTxRef"},
	},
	"pain.001.001.09": {
		file: "payments_initiation_11/pain.001.001.10_1.xsd", later: "pain.001.001.10", changed: []string{"MndtRltdInf", "InstrForCdtrAgt", "InstrForDbtrAgt"},
	},
	"pain.002.001.10": {file: "payments_initiation_11/pain.002.001.11.xsd", later: "pain.002.001.11", changed: []string{"OrgnlTxRef"}},
}

// Holds fails the test, as one of its own with this name, unless the message is as the published schema of its version has it.
func Holds(t *testing.T, name string, message []byte) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		if err := Check(t, message); err != nil {
			t.Errorf("%v\nof\n%s", err, message)
		}
	})
}

// Check says what the published schema of a message's version has against it.
func Check(t testing.TB, message []byte) error {
	t.Helper()
	folder := schemas(t)
	var document struct{ XMLName xml.Name }
	if err := xml.Unmarshal(message, &document); err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	version := strings.TrimPrefix(document.XMLName.Space, space)
	all, err := load(folder, version)
	if err != nil {
		t.Fatal(err)
	}
	var wrong []error
	for _, s := range all {
		wrong = append(wrong, s.Check(message))
	}
	return errors.Join(wrong...)
}

// schemas is the folder of the module. Where it cannot be had, the test is skipped, or fails where nobody would see that (CI=true).
func schemas(t testing.TB) string {
	t.Helper()
	folder, err := module()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	return folder
}

// module is where the schemas are: the module that tools/iso20022 pins, which is no part of the server's.
var module = sync.OnceValues(func() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "tools", "iso20022", "go.mod")); err == nil {
			break
		}
		if at == filepath.Dir(at) {
			return "", errors.New("the tests run outside the project")
		}
	}
	command := exec.Command("go", "mod", "download", "-json", "github.com/moov-io/iso20022")
	command.Dir, command.Env = filepath.Join(at, "tools", "iso20022"), append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := command.Output()
	var answer struct{ Dir, Error string }
	if err := errors.Join(json.Unmarshal(out, &answer), err); err != nil {
		return "", fmt.Errorf("the schemas of ISO 20022 cannot be had: %w %s", err, answer.Error)
	}
	return answer.Dir, nil
})

var loaded sync.Map // of func() ([]*Schema, error), by version

// load reads what a version's messages are held against: its schema, or the one after it and its own types.
func load(folder, version string) ([]*Schema, error) {
	once, _ := loaded.LoadOrStore(version, sync.OnceValues(func() ([]*Schema, error) {
		from, ok := sources[version]
		if !ok {
			return nil, fmt.Errorf("of %q no schema is known", version)
		}
		file, err := os.ReadFile(filepath.Join(folder, "docs", "specifications", filepath.FromSlash(from.file)))
		if err != nil {
			return nil, fmt.Errorf("read a schema: %w", err)
		}
		if from.later != "" {
			file = bytes.ReplaceAll(file, []byte(space+from.later), []byte(space+version))
		}
		s, err := Load(file)
		if err == nil {
			err = s.forget(from.changed)
		}
		if err != nil || from.folder == "" {
			return []*Schema{s}, err
		}
		own, err := structs(filepath.Join(folder, "pkg", from.folder), from.message, s)
		return []*Schema{s, own}, err
	}))
	return once.(func() ([]*Schema, error))()
}

// forget takes elements out of a schema that the version before it has otherwise: wherever one is, it is unknown.
func (s *Schema) forget(changed []string) error {
	for _, name := range changed {
		found := false
		for of, c := range s.contents {
			kept := slices.DeleteFunc(slices.Clone(c.elements), func(e element) bool { return e.name == name })
			found = found || len(kept) < len(c.elements)
			c.elements = kept
			s.contents[of] = c
		}
		if !found {
			return fmt.Errorf("no type has the element %s", name)
		}
	}
	return nil
}
