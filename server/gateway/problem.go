package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/rules"
)

// The bounds of an error's details, as errors.proto promises them.
const (
	maxProblems      = 100
	maxProblemMember = 64
)

// problems collects what is wrong with the fields of one request, each at the path where the reader stands.
type problems struct {
	path    []step
	refused []apierr.Field
}

// A step of a path is a name, or an item of a list (from 0) when the name is empty and item is set.
type step struct {
	name   string
	index  int
	isItem bool
}

func (p *problems) enter(name string)   { p.path = append(p.path, step{name: name}) }
func (p *problems) enterItem(index int) { p.path = append(p.path, step{index: index, isItem: true}) }
func (p *problems) leave()              { p.path = p.path[:len(p.path)-1] }

// refusal is the answer to the request: what its reader noted, and what of the rest breaks a rule of the contract, so that a caller
// reads of everything at once. What could not be read, and what the path says, has no value yet that a rule could be held to.
func (p *problems) refusal(read proto.Message, bound map[string]string) error {
	broken, err := rules.Check(read)
	if err != nil {
		return err
	}
	noted := p.refused
	for _, f := range broken {
		first, _, _ := strings.Cut(f.Path, ".")
		_, inPath := bound[first]
		if !inPath && !p.full() && !slices.ContainsFunc(noted, func(n apierr.Field) bool { return within(n.Path, f.Path) || within(f.Path, n.Path) }) {
			p.refused = append(p.refused, f)
		}
	}
	return apierr.Invalid(p.refused...)
}

// within tells whether the path is the outer one or a part of it.
func within(outer, path string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// full tells whether as many fields are refused as an error can name. Then problems are no longer worded, so that a body made of
// nothing else costs no more than another.
func (p *problems) full() bool { return len(p.refused) == maxProblems }

// note refuses the field at the path. Past the first hundred it does nothing: whoever sent them has enough to do.
func (p *problems) note(format string, args ...any) {
	if p.full() {
		return
	}
	var path strings.Builder
	for i, s := range p.path {
		switch {
		case s.isItem:
			fmt.Fprintf(&path, "[%d]", s.index)
			continue
		case i > 0:
			path.WriteByte('.')
		}
		if s.name == "" {
			path.WriteString(`""`)
		}
		path.WriteString(shown(s.name))
	}
	p.refused = append(p.refused, apierr.Field{
		Path:    path.String(),
		Message: fmt.Sprintf(format, args...),
	})
}

// shown makes a name that a stranger chose fit for an error message: short, and without characters that cannot be seen.
func shown(name string) string {
	return apierr.Cut(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, name), maxProblemMember)
}

// didYouMean names the field nearest to an unknown one among those that fit, where one is near: the same but for case, underscores
// and hyphens, or but for two letters (one in short names), or only begun, such as `beneficiary` for `beneficiary_id`.
func didYouMean(name string, known protoreflect.FieldDescriptors, fits func(protoreflect.FieldDescriptor) bool) string {
	bare := bareName(name)
	if len(name) > maxProblemMember || bare == "" {
		return ""
	}
	nearest, best := "", 3
	for i := range known.Len() {
		if !fits(known.Get(i)) {
			continue
		}
		candidate := string(known.Get(i).Name())
		other := bareName(candidate)
		d := distance(bare, other)
		if d < best && d <= max(len(bare), len(other))/3 {
			nearest, best = candidate, d
		} else if nearest == "" && strings.HasPrefix(candidate, name+"_") {
			nearest = candidate
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

func bareName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// distance counts the letters to insert, remove, change or swap with their neighbour to make b of a.
func distance(a, b string) int {
	var beforeLast []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], beforeLast[j-1]+1)
			}
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}

// A carriage brings an error of the contract through the generated handlers, which keep of a reader's error only its text
// (status.Errorf with %v): its text is the whole error. carried unpacks it on the other side.
type carriage struct{ err *apierr.Error }

// mark begins the text of a carriage. No other error can begin so: what clients send never holds a NUL.
const mark = "\x00anton refused this: "

type packed struct {
	Error apierr.Error
	Cause string
}

func carry(e *apierr.Error) error { return carriage{e} }

// Unwrap shows the error itself to callers who get the carriage as it is.
func (c carriage) Unwrap() error { return c.err }

func (c carriage) Error() string {
	p := packed{Error: *c.err}
	if c.err.Cause != nil {
		p.Error.Cause, p.Cause = nil, observe.ErrorText(c.err.Cause)
	}
	text, err := json.Marshal(p)
	if err != nil { // numbers and strings always have a JSON form
		return c.err.Error()
	}
	return mark + string(text)
}

// carried returns the error of Marshaler or QueryParser that a generated handler's error holds; ok is false for any other error.
func carried(err error) (e *apierr.Error, ok bool) {
	if c, ok := errors.AsType[carriage](err); ok {
		return c.err, true
	}
	text, ok := strings.CutPrefix(status.Convert(err).Message(), mark)
	if !ok {
		return nil, false
	}
	var p packed
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, false //nolint:nilerr // a text that does not parse is none of ours
	}
	if p.Cause != "" {
		p.Error.Cause = errors.New(p.Cause)
	}
	return &p.Error, true
}
