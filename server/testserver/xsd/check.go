package xsd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Check says all that is wrong with a message, each with the way to it, such as Document/PmtRtr/TxInf[2]/RtrId.
func (s *Schema) Check(message []byte) error {
	var document node
	if err := xml.Unmarshal(message, &document); err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	c := &checker{schema: s}
	if document.XMLName.Local != s.root.name || document.XMLName.Space != s.space {
		c.wrong(document.XMLName.Local, "a message begins with %s of %s", s.root.name, s.space)
	} else {
		c.element(s.root.name, document, s.root.of)
	}
	return errors.Join(c.found...)
}

type checker struct {
	schema *Schema
	found  []error
}

func (c *checker) wrong(path, format string, args ...any) {
	c.found = append(c.found, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

func (c *checker) element(path string, n node, of string) {
	is, ok := c.schema.contents[of]
	switch {
	case !ok:
		c.attributes(path, n, nil)
		c.text(path, n, of)
	case is.text != "":
		c.attributes(path, n, is.attributes)
		c.text(path, n, is.text)
	default:
		c.attributes(path, n, nil)
		if strings.TrimSpace(n.Text) != "" {
			c.wrong(path, "text stands among its elements")
		}
		c.children(path, n, is)
	}
}

func (c *checker) text(path string, n node, of string) {
	if len(n.Children) > 0 {
		c.wrong(path, "%s is in it, and it is a text (%s)", n.Children[0].XMLName.Local, of)
	}
	if problem := c.schema.texts[of].problem(n.Text); problem != "" {
		c.wrong(path, "%q %s (%s)", n.Text, problem, of)
	}
}

func (c *checker) attributes(path string, n node, known []attribute) {
	for _, a := range n.Attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Space == "http://www.w3.org/2001/XMLSchema-instance" {
			continue
		}
		i := slices.IndexFunc(known, func(k attribute) bool { return k.name == a.Name.Local && a.Name.Space == "" })
		if i < 0 {
			c.wrong(path, "it has no attribute %s", a.Name.Local)
		} else if problem := c.schema.texts[known[i].of].problem(a.Value); problem != "" {
			c.wrong(path+"/@"+a.Name.Local, "%q %s (%s)", a.Value, problem, known[i].of)
		}
	}
	for _, k := range known {
		if k.required && !slices.ContainsFunc(n.Attrs, func(a xml.Attr) bool { return a.Name.Local == k.name }) {
			c.wrong(path, "the attribute %s is missing", k.name)
		}
	}
}

// children holds the elements in an element against what may be there. The schemas' sequences are such that an element's name says which
// place is meant.
func (c *checker) children(path string, n node, is content) {
	if is.anything {
		return
	}
	left, may := n.Children, is.elements
	if is.choice {
		i := slices.IndexFunc(may, func(e element) bool { return len(left) > 0 && e.name == left[0].XMLName.Local })
		if i < 0 {
			c.wrong(path, "it has none of %s", names(may))
			return
		}
		may = may[i : i+1]
	}
	for _, e := range may {
		count := 0
		for len(left) > 0 && (e.most < 0 || count < e.most) && left[0].XMLName == (xml.Name{Space: c.schema.space, Local: e.name}) {
			count++
			place := path + "/" + e.name
			if e.most != 1 {
				place = fmt.Sprintf("%s[%d]", place, count)
			}
			c.element(place, left[0], e.of)
			left = left[1:]
		}
		if count < e.least {
			c.wrong(path, "%s is missing", e.name)
		}
	}
	if len(left) > 0 {
		c.wrong(path, "%s is unknown there, or out of its order, or once too often", left[0].XMLName.Local)
	}
}

func names(all []element) string {
	var each []string
	for _, e := range all {
		each = append(each, e.name)
	}
	return strings.Join(each, ", ")
}
