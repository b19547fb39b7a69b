package contract_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/merchants"
)

// files are the files of the contract, from their sources: all of them must be linked.
func files(t *testing.T) []protoreflect.FileDescriptor {
	t.Helper()
	var all []protoreflect.FileDescriptor
	root := os.DirFS("../../proto")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".proto" {
			return err
		}
		file, err := protoregistry.GlobalFiles.FindFileByPath(name)
		if err != nil {
			t.Errorf("%s is not linked into the server: %v", name, err)
			return nil
		}
		all = append(all, file)
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("read proto: %d files, %v", len(all), err)
	}
	return all
}

func TestEveryServiceIsPartOfTheContract(t *testing.T) {
	t.Parallel()
	var listed, linked []string
	for _, file := range contract.Files {
		listed = append(listed, file.Path())
	}
	rpcs := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "anton/") {
			return true
		}
		for i := range file.Services().Len() {
			rpcs += file.Services().Get(i).Methods().Len()
		}
		if file.Services().Len() > 0 {
			linked = append(linked, file.Path())
		}
		return true
	})
	for _, file := range files(t) {
		if file.Services().Len() > 0 && !slices.Contains(linked, file.Path()) {
			t.Errorf("%s is not linked", file.Path())
		}
	}
	slices.Sort(listed)
	slices.Sort(linked)
	if !slices.Equal(listed, linked) {
		t.Errorf("contract.Files are %v; the files with services are %v", listed, linked)
	}
	if got := len(contract.Methods()) + len(contract.Streams()); got != rpcs {
		t.Errorf("contract has %d of %d methods", got, rpcs)
	}
}

func TestEveryMethodSaysWhoMayCallIt(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		rule := m.Rule
		switch {
		case m.ForOperators() && rule.GetScope() != "":
			t.Error("it has both a scope and a role")
		case !m.ForOperators() && !slices.Contains(merchants.Scopes, rule.GetScope()):
			t.Errorf("no key can hold the scope %q", rule.GetScope())
		case rule.GetScope() == "full" || rule.GetScope() == "read_only":
			t.Errorf("%q is a bundle; a method needs one scope", rule.GetScope())
		}
		if operators := strings.HasPrefix(m.Path, "/ops/v1/"); operators != m.ForOperators() || (!operators && !strings.HasPrefix(m.Path, "/v1/")) {
			t.Errorf("the path %s is not where it belongs", m.Path)
		}
		// Some scopes of writing have none of reading beside them, so they are needed to read as well.
		resource, write := strings.CutSuffix(rule.GetScope(), ":write")
		canRead := !write || !slices.Contains(merchants.Scopes, resource+":read")
		if !m.ForOperators() && ((m.ReadOnly && !canRead) || (!m.ReadOnly && !write)) {
			t.Errorf("the scope %s is not of a method that is ReadOnly=%t", rule.GetScope(), m.ReadOnly)
		}
		if (m.ReadOnly && !rule.GetAudited()) != (rule.GetAudit() == "") {
			t.Errorf("ReadOnly=%t with the audit action %q: what changes something has one, and nothing else", m.ReadOnly, rule.GetAudit())
		}
		// A simulation asks a question that is too long for an address.
		if m.ReadOnly != (m.Verb == "GET") && !strings.Contains(m.Name, "/Simulate") {
			t.Errorf("ReadOnly=%t by %s", m.ReadOnly, m.Verb)
		}
		if rule.GetIdempotencyKeyKept() && !rule.GetIdempotencyKeyRequired() {
			t.Error("its key is kept but not required")
		}
	})
}

// moneyMovers are the methods that refuse a call without an Idempotency-Key. A retry of any of them without one would pay twice.
var moneyMovers = []string{
	"/anton.ops.v1.AdjustmentsService/CreateAdjustment",
	"/anton.ops.v1.AdjustmentsService/ReverseDeposit",
	"/anton.ops.v1.AdjustmentsService/ReverseReturn",
	"/anton.ops.v1.MerchantsService/CreateDeposit",
	"/anton.ops.v1.RailEventsService/CreateRailEvent",
	"/anton.v1.BatchesService/ConfirmBatch",
	"/anton.v1.FxService/CreateFxExchange",
	"/anton.v1.PayoutsService/CreatePayout",
}

func TestWhatMovesMoneyNeedsAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	var required []string
	for _, m := range contract.Methods() {
		if m.Rule.GetIdempotencyKeyRequired() {
			required = append(required, m.Name)
		}
	}
	if !slices.Equal(required, moneyMovers) {
		t.Errorf("the methods that need a key are %v, want %v", required, moneyMovers)
	}
}

// isFile says whether the method answers with a file as it is.
func isFile(m *contract.Method) bool {
	return m.Descriptor.Output().FullName() == "google.api.HttpBody"
}

func TestEveryMethodHasTheFormOfAll(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		d := m.Descriptor
		if isFile(m) {
			if m.Verb != "GET" || d.Input().Name() != d.Name()+"Request" {
				t.Error("a file is downloaded by GET, with a request of its own")
			}
			return
		}
		if in, out := d.Input().Name(), d.Output().Name(); in != d.Name()+"Request" || out != d.Name()+"Response" {
			t.Errorf("its messages are %s and %s", in, out)
		}
		data := d.Output().Fields().ByName("data")
		if data == nil {
			t.Fatal("its response has no data")
		}
		more, next := d.Output().Fields().ByName("has_more"), d.Output().Fields().ByName("next_cursor")
		limit, cursor := d.Input().Fields().ByName("limit"), d.Input().Fields().ByName("cursor")
		paged := more != nil || next != nil || limit != nil || cursor != nil
		switch {
		case paged && (more == nil || next == nil || limit == nil || cursor == nil):
			t.Error("it is paged by half: a page has limit and cursor, has_more and next_cursor")
		case paged && (!data.IsList() || more.Kind() != protoreflect.BoolKind || !next.HasPresence()):
			t.Error("a page is a list, has_more is a bool, and next_cursor is absent on the last page")
		case paged && (!limit.HasPresence() || rulesOf(limit).GetInt32().GetGte() != 1 || rulesOf(limit).GetInt32().GetLte() != 100):
			t.Error("limit is optional and goes from 1 to 100")
		case paged && rulesOf(data).GetRepeated().GetMaxItems() != 100:
			t.Error("a page holds at most 100")
		case data.IsList() && !rulesOf(data).GetRepeated().HasMaxItems():
			t.Error("the list in its answer has no bound")
		case data.IsList() != (strings.HasPrefix(string(d.Name()), "List") || strings.HasPrefix(string(d.Name()), "Check") || strings.HasSuffix(string(d.Name()), "Timeline")):
			t.Error("a method that answers with a list is called List…, or Check… when the list is of findings")
		}
		if m.Verb != "GET" && m.Verb != "DELETE" && httpBody(d) != "*" {
			t.Error("the body of its HTTP binding must be the whole request")
		}
	})
}

func TestEveryRequestIsBounded(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for _, field := range unbounded(m.Descriptor.Input(), string(m.Descriptor.Input().Name()), map[protoreflect.FullName]bool{}) {
			t.Error(field)
		}
	})
}

func TestPatternsWithoutAnEndAreFound(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]int{
		`^[A-Z]{3}$`: 3, `^([A-Z]{2})?$`: 2, `^[0-9]{1,12}(\.[0-9]{1,8})?$`: 21, `^(\+[1-9][0-9]{6,14})?$`: 16, `^(a|bcd|)$`: 3, `^é$`: 1,
		`[A-Z]{3}`: -1, `^[A-Z]{3}`: -1, `[A-Z]$`: -1, `^[A-Z]+$`: -1, `^a*$`: -1, `^a{3,}$`: -1, `^ab$|c`: -1, `(?m)^ab$`: -1, `^(a|b+)$`: -1,
	} {
		got, ok := longestMatch(pattern)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s matches up to %d characters, want %d", pattern, got, want)
		}
	}
}

// printed is how the server writes JSON.
var printed = protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}

func TestEveryMethodHasATrueExample(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if m.Example == nil {
			t.Fatal("it has no example")
		}
		in, out := newMessage(t, m.Descriptor.Input()), newMessage(t, m.Descriptor.Output())
		if err := protojson.Unmarshal([]byte(m.Example.GetRequest()), in); err != nil {
			t.Fatalf("the example's request: %v", err)
		}
		if err := protovalidate.Validate(in); err != nil {
			t.Errorf("the server would refuse the example's request: %v", err)
		}
		if isFile(m) {
			if m.Example.GetResponse() != "" {
				t.Error("a file has no example in JSON")
			}
			return
		}
		if err := protojson.Unmarshal([]byte(m.Example.GetResponse()), out); err != nil {
			t.Fatalf("the example's response: %v", err)
		}
		if err := protovalidate.Validate(out); err != nil {
			t.Errorf("the example's response is out of its bounds: %v", err)
		}
		text, err := printed.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if !sameJSON(t, text, []byte(m.Example.GetResponse())) {
			t.Errorf("the example's response is not what the server would write:\n%s\nwant\n%s", m.Example.GetResponse(), text)
		}
		if key := m.Example.GetIdempotencyKey(); (key != "") != m.Rule.GetIdempotencyKeyRequired() {
			t.Errorf("the example sends the Idempotency-Key %q; required is %t", key, m.Rule.GetIdempotencyKeyRequired())
		}
	})
}

func newMessage(t *testing.T, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	for text, into := range map[*[]byte]*any{&a: &left, &b: &right} {
		if err := json.Unmarshal(*text, into); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(left, right)
}

// What is marked sensitive never reaches an event or an audit row. Names of fields that carry such data must have the mark.
func TestPersonalDataIsMarked(t *testing.T) {
	t.Parallel()
	personal := regexp.MustCompile(`^(first|middle|last|maiden|full|legal|company|sender|recipient|owner)_name$|email|phone|birth|nationality|` +
		`tax_id|ssn|passport|national_id|registration_number|^account_number|iban|clabe|street|^city$|^state$|postal|zip|` +
		`secret|token|password|(^|_)key$`)
	// Looks like one of them and is none: what the documentation shows as a key.
	exempt := []protoreflect.FullName{"anton.v1.Example.idempotency_key"}
	// Is one of them and does not look like it.
	also := []protoreflect.FullName{"anton.v1.OnBehalfOf.name"}
	for _, file := range files(t) {
		eachMessage(file.Messages(), func(m protoreflect.MessageDescriptor) {
			for i := range m.Fields().Len() {
				fd := m.Fields().Get(i)
				marked, _ := proto.GetExtension(fd.Options(), antonv1.E_Sensitive).(bool)
				isText := fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind
				holds := slices.Contains(also, fd.FullName()) || isText && personal.MatchString(string(fd.Name()))
				if holds && !marked && !slices.Contains(exempt, fd.FullName()) {
					t.Errorf("%s is personal data and not marked as sensitive", fd.FullName())
				}
			}
		})
	}
}

// httpBody is which field of the request the HTTP body is.
func httpBody(d protoreflect.MethodDescriptor) string {
	rule, _ := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	return rule.GetBody()
}
