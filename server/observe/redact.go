// Package observe is what the server lets others see of itself: metrics, traces, readiness, and a log in which nothing personal or
// secret can stand. It knows nothing of payouts; the packages above it say what happened.
package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// redacted stands where something personal or secret was.
const redacted = "[redacted]"

// Redact gives a handler that writes nothing personal or secret, whatever it is handed: of an error what ErrorText leaves, of a message
// of the contract its fields that are not marked `sensitive`, of any other object its type alone. Texts pass as they are: whoever logs
// one has looked at it.
func Redact(next slog.Handler) slog.Handler {
	if _, ok := next.(redacting); ok {
		return next
	}
	return redacting{next}
}

type redacting struct{ next slog.Handler }

func (r redacting) Enabled(ctx context.Context, level slog.Level) bool {
	return r.next.Enabled(ctx, level)
}

func (r redacting) Handle(ctx context.Context, record slog.Record) error {
	harmless := true
	record.Attrs(func(a slog.Attr) bool {
		kind := a.Value.Kind()
		harmless = kind != slog.KindAny && kind != slog.KindGroup && kind != slog.KindLogValuer
		return harmless
	})
	if harmless { // as nearly every line of a call is
		return r.next.Handle(ctx, record)
	}
	clean := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(cleanAttr(a))
		return true
	})
	return r.next.Handle(ctx, clean)
}

func (r redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redacting{r.next.WithAttrs(cleanAttrs(attrs))}
}

func (r redacting) WithGroup(name string) slog.Handler { return redacting{r.next.WithGroup(name)} }

func cleanAttrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleanAttr(a)
	}
	return clean
}

func cleanAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(cleanAttrs(value.Group())...)}
	case slog.KindAny:
		return slog.Attr{Key: a.Key, Value: cleanObject(value.Any())}
	}
	return slog.Attr{Key: a.Key, Value: value}
}

func cleanObject(object any) slog.Value {
	switch object := object.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		return slog.StringValue(ErrorText(object))
	case proto.Message:
		return slog.StringValue(MessageText(object))
	case []string:
		return slog.AnyValue(object)
	}
	return slog.StringValue(fmt.Sprintf("%T", object))
}

// MessageText is a message as JSON, with every field that is marked `sensitive`, and every value of a map, redacted.
func MessageText(m proto.Message) string {
	clean := proto.Clone(m)
	hide(clean.ProtoReflect())
	text, err := protojson.Marshal(clean)
	if err != nil {
		return fmt.Sprintf("%T", m)
	}
	return string(text)
}

func hide(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		sensitive, _ := proto.GetExtension(fd.Options(), antonv1.E_Sensitive).(bool)
		isText := fd.Kind() == protoreflect.StringKind && !fd.IsList() && !fd.IsMap()
		switch {
		case sensitive && isText:
			m.Set(fd, protoreflect.ValueOfString(redacted))
		case sensitive || fd.IsMap(): // what a merchant writes into metadata, nobody knows
			m.Clear(fd)
		case fd.Message() != nil && fd.IsList():
			for i := range value.List().Len() {
				hide(value.List().Get(i).Message())
			}
		case fd.Message() != nil:
			hide(value.Message())
		}
		return true
	})
}

// safeClasses are the classes of SQLSTATE whose messages name constraints, tables and states of the server, and no values.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var safeClasses = []string{"08", "23", "25", "28", "3D", "40", "42", "53", "55", "57"}

// Database gives PostgreSQL's error without what it may quote of a row: detail, hint and context go, and of most classes the message
// too (`invalid input syntax for type integer: "…"`).
func Database(pg *pgconn.PgError) *pgconn.PgError {
	clean := &pgconn.PgError{
		Severity: pg.Severity, Code: pg.Code, Message: pg.Message, SchemaName: pg.SchemaName, TableName: pg.TableName,
		ColumnName: pg.ColumnName, ConstraintName: pg.ConstraintName, Routine: pg.Routine,
	}
	if len(pg.Code) < 2 || !slices.Contains(safeClasses, pg.Code[:2]) {
		clean.Message = redacted
	}
	return clean
}

// encoded is how pgx tells that an argument does not fit its parameter: with the argument.
var encoded = regexp.MustCompile(`(?s)unable to encode .* into (text|binary) format`)

// ErrorText is the text of an error without what PostgreSQL, pgx or a parser quotes of the values they were given.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, e := range chain(err) {
		if quoting := quotes(e); quoting != "" && e.Error() != "" {
			text = strings.ReplaceAll(text, e.Error(), quoting)
		}
	}
	return encoded.ReplaceAllString(text, "unable to encode "+redacted+" into $1 format")
}

// quotes gives what may be said of an error that quotes values; nothing for one that does not.
func quotes(err error) string {
	if pg, ok := err.(*pgconn.PgError); ok { //nolint:errorlint // chain has unwrapped it
		return Database(pg).Error()
	}
	switch kind := fmt.Sprintf("%T", err); kind {
	case "*strconv.NumError", "*time.ParseError", "*url.Error", "url.EscapeError", "*json.SyntaxError", "*json.UnmarshalTypeError":
		return kind + " " + redacted
	}
	return ""
}

// chain is the error and all that it wraps, innermost first: what is inside is replaced before what quotes it.
func chain(err error) []error {
	var all []error
	switch wrapper := err.(type) { //nolint:errorlint // this is the unwrapping
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			all = chain(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			all = append(all, chain(inner)...)
		}
	}
	return append(all, err)
}

// Panicked is what may be said of a panic's value: the text of the runtime's own errors, which name types and lengths, and of any other
// value, which may be a customer's, the type. The stack says where.
func Panicked(value any) error {
	if e, ok := value.(runtime.Error); ok {
		return fmt.Errorf("panic: %w", e)
	}
	return errors.New("panic: " + fmt.Sprintf("%T", value))
}
