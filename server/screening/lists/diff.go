package lists

import (
	"slices"
	"strings"
)

// A Difference is what changed between two versions of a list, each kind in the order of the ids. It is what must be screened again.
type Difference struct {
	Added, Removed []Entry
	Changed        []Change
}

// A Change is an entry before and after.
type Change struct{ Old, New Entry }

// A FieldChange is what left and what joined one field of an entry, as people read it.
type FieldChange struct {
	Field          string
	Removed, Added []string
}

// Diff compares two versions of a list by the entries' ids and content.
func Diff(before, after *List) Difference {
	earlier := make(map[string]*Entry, len(before.Entries))
	for i := range before.Entries {
		earlier[before.Entries[i].ID] = &before.Entries[i]
	}
	var d Difference
	for _, e := range after.Entries {
		was, ok := earlier[e.ID]
		delete(earlier, e.ID)
		switch {
		case !ok:
			d.Added = append(d.Added, e)
		case was.ContentHash() != e.ContentHash():
			d.Changed = append(d.Changed, Change{*was, e})
		}
	}
	for _, e := range earlier {
		d.Removed = append(d.Removed, *e)
	}
	byID := func(a, b Entry) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(d.Added, byID)
	slices.SortFunc(d.Removed, byID)
	slices.SortFunc(d.Changed, func(a, b Change) int { return byID(a.New, b.New) })
	return d
}

// Fields says field by field what is different.
func (c Change) Fields() []FieldChange {
	was, is := c.Old, c.New
	var changes []FieldChange
	for _, f := range []FieldChange{
		fieldChange("kind", []string{was.Kind.String()}, []string{is.Kind.String()}),
		fieldChange("names", spoken(was.Names), spoken(is.Names)),
		fieldChange("births", spoken(was.Births), spoken(is.Births)),
		fieldChange("countries", was.Countries, is.Countries),
		fieldChange("identifiers", spoken(was.Identifiers), spoken(is.Identifiers)),
		fieldChange("addresses", spoken(was.Addresses), spoken(is.Addresses)),
		fieldChange("programs", was.Programs, is.Programs),
		fieldChange("remarks", single(was.Remarks), single(is.Remarks)),
	} {
		if len(f.Removed)+len(f.Added) > 0 {
			changes = append(changes, f)
		}
	}
	return changes
}

func fieldChange(field string, was, is []string) FieldChange {
	return FieldChange{field, without(was, is), without(is, was)}
}

// without gives the values that are not among the others.
func without(values, others []string) []string {
	var left []string
	for _, v := range values {
		if !slices.Contains(others, v) {
			left = append(left, v)
		}
	}
	return left
}

func single(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// spoken writes values the way they are read.
func spoken[T interface{ String() string }](values []T) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return texts
}

func (k Kind) String() string {
	return [...]string{"unknown", "person", "organisation", "vessel", "aircraft"}[min(k, Aircraft)]
}

func (q Quality) String() string {
	return [...]string{"primary", "strong", "weak"}[min(q, Weak)]
}

func (n Name) String() string { return n.Text + " (" + n.Quality.String() + ")" }

func (b Birth) String() string {
	text := b.From
	if b.To != "" {
		text += " to " + b.To
	}
	if b.Circa {
		text = "about " + text
	}
	return text
}

func (i Identifier) String() string { return joined(" ", i.Type, i.Value, bracketed(i.Country)) }

func (a Address) String() string { return joined(", ", a.Text, a.City, a.Country) }

func bracketed(text string) string {
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}

func joined(by string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), by)
}
