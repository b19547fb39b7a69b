// Package xsd holds messages of ISO 20022 against their published schemas, in tests: whatever we write, and whatever our tests say that
// banks write. It knows the part of XML Schema that those schemas use, which has no mixed content, no inheritance and no groups in groups
// (https://www.w3.org/TR/xmlschema-1/, and /xmlschema-2/ for types of texts), and refuses a schema that uses more.
package xsd

import (
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Schema is what one version of a message allows.
type Schema struct {
	space    string // the namespace of its elements
	root     element
	contents map[string]content
	texts    map[string]text
}

// content is what lies in an element: others, in this order or one of them, or a text with attributes.
type content struct {
	choice     bool
	anything   bool // of other schemas: supplementary data
	elements   []element
	text       string // the type of its text, where it has no elements
	attributes []attribute
}

// An element and how often it may be there; without limit where most is negative.
type element struct {
	name, of    string
	least, most int
}

type attribute struct {
	name, of string
	required bool
}

// text is a type of texts: a primitive one, and what restricts it. Bounds that a schema does not set are negative.
type text struct {
	base                        string
	values                      []string
	pattern                     *regexp.Regexp
	shortest, longest           int
	totalDigits, fractionDigits int
	least                       string
}

// free is a primitive type that nothing restricts.
func free(base string) text {
	return text{base: base, shortest: -1, longest: -1, totalDigits: -1, fractionDigits: -1}
}

// A node is an element of a schema or of a message.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []node     `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// Load reads a schema.
func Load(source []byte) (*Schema, error) {
	var document node
	if err := xml.Unmarshal(source, &document); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	s := &Schema{space: document.attr("targetNamespace"), contents: map[string]content{}, texts: map[string]text{}}
	if document.XMLName.Local != "schema" || document.attr("elementFormDefault") != "qualified" {
		return nil, fmt.Errorf("it is no schema whose elements are all of its namespace")
	}
	for _, n := range document.Children {
		var err error
		switch n.XMLName.Local {
		case "element":
			s.root, err = elementOf(n)
		case "complexType":
			s.contents[n.attr("name")], err = complexOf(n)
		case "simpleType":
			s.texts[n.attr("name")], err = simpleOf(n)
		default:
			err = unknown(n)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", n.XMLName.Local, n.attr("name"), err)
		}
	}
	return s, s.complete()
}

// complete says which types are named and are not there.
func (s *Schema) complete() error {
	named := []element{s.root}
	for _, name := range slices.Sorted(maps.Keys(s.contents)) {
		c := s.contents[name]
		named = append(named, c.elements...)
		for _, a := range c.attributes {
			named = append(named, element{name: a.name, of: a.of})
		}
		if c.text != "" {
			named = append(named, element{name: name, of: c.text})
		}
	}
	for _, e := range named {
		_, isComplex := s.contents[e.of]
		if _, isSimple := s.texts[e.of]; !isComplex && !isSimple {
			return fmt.Errorf("%s is of the type %q, which is not there", e.name, e.of)
		}
	}
	return nil
}

func unknown(n node) error {
	return fmt.Errorf("%s is more of XML Schema than is known here", n.XMLName.Local)
}

func elementOf(n node) (element, error) {
	if len(n.Children) > 0 || n.attr("type") == "" || n.attr("ref") != "" || n.attr("fixed") != "" {
		return element{}, unknown(n)
	}
	e := element{name: n.attr("name"), of: n.attr("type"), least: 1, most: 1}
	var err error
	if least := n.attr("minOccurs"); least != "" {
		e.least, err = strconv.Atoi(least)
	}
	if most := n.attr("maxOccurs"); most == "unbounded" {
		e.most = -1
	} else if most != "" && err == nil {
		e.most, err = strconv.Atoi(most)
	}
	return e, err
}

func complexOf(n node) (content, error) {
	if len(n.Children) != 1 {
		return content{}, unknown(n)
	}
	inner, c := n.Children[0], content{}
	if inner.XMLName.Local == "simpleContent" {
		return textOf(inner)
	}
	c.choice = inner.XMLName.Local == "choice"
	if (!c.choice && inner.XMLName.Local != "sequence") || len(inner.Attrs) > 0 {
		return c, unknown(inner)
	}
	for _, child := range inner.Children {
		if child.XMLName.Local == "any" && len(inner.Children) == 1 && child.attr("processContents") == "lax" {
			c.anything = true
			continue
		}
		if child.XMLName.Local != "element" {
			return c, unknown(child)
		}
		e, err := elementOf(child)
		if err != nil {
			return c, err
		}
		c.elements = append(c.elements, e)
	}
	return c, nil
}

// textOf reads a text with attributes: <simpleContent><extension base><attribute/>.
func textOf(n node) (content, error) {
	if len(n.Children) != 1 || n.Children[0].XMLName.Local != "extension" {
		return content{}, unknown(n)
	}
	c := content{text: n.Children[0].attr("base")}
	for _, a := range n.Children[0].Children {
		if a.XMLName.Local != "attribute" {
			return c, unknown(a)
		}
		c.attributes = append(c.attributes, attribute{a.attr("name"), a.attr("type"), a.attr("use") == "required"})
	}
	return c, nil
}

func simpleOf(n node) (text, error) {
	if len(n.Children) != 1 || n.Children[0].XMLName.Local != "restriction" {
		return text{}, unknown(n)
	}
	t := free(strings.TrimPrefix(n.Children[0].attr("base"), "xs:"))
	if _, ok := primitives[t.base]; !ok {
		return t, unknown(n.Children[0])
	}
	for _, facet := range n.Children[0].Children {
		var err error
		value := facet.attr("value")
		switch facet.XMLName.Local {
		case "enumeration":
			t.values = append(t.values, value)
		case "pattern":
			if t.pattern != nil {
				return t, unknown(facet) // several mean any of them
			}
			t.pattern, err = regexp.Compile(`\A(?:` + value + `)\z`)
		case "minLength":
			t.shortest, err = strconv.Atoi(value)
		case "maxLength":
			t.longest, err = strconv.Atoi(value)
		case "totalDigits":
			t.totalDigits, err = strconv.Atoi(value)
		case "fractionDigits":
			t.fractionDigits, err = strconv.Atoi(value)
		case "minInclusive":
			t.least = value
		default:
			err = unknown(facet)
		}
		if err != nil {
			return t, err
		}
	}
	return t, nil
}
