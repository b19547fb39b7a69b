package xsd

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
)

// structs reads what a version allows from the Go types of its elements, where its own schema is not published with them but that of the
// version after it is: names, order and which must be there are those of the version itself, types of texts those of the later schema.
// What the types do not say is held against that schema only: how often exactly something may be there again.
func structs(folder, message string, later *Schema) (*Schema, error) {
	types, err := structTypes(folder)
	if err != nil {
		return nil, fmt.Errorf("read the types of %s: %w", message, err)
	}
	s := &Schema{space: later.space, root: later.root, texts: maps.Clone(later.texts), contents: map[string]content{}}
	for name, base := range map[string]string{"bool": "boolean", "float64": "decimal", "string": "string"} {
		s.texts[name] = free(base)
	}
	body := later.contents[later.root.of].elements[0]
	body.of = message
	s.contents[s.root.of] = content{elements: []element{body}}
	return s, s.take(message, types, later)
}

// structTypes are the structs of a package, by their names.
func structTypes(folder string) (map[string]*ast.StructType, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	types := map[string]*ast.StructType{}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if fields, ok := spec.Type.(*ast.StructType); ok {
					types[spec.Name.Name] = fields
				}
			}
			return true
		})
	}
	return types, nil
}

// take adds a type with all that it is made of.
func (s *Schema) take(name string, types map[string]*ast.StructType, later *Schema) error {
	if _, known := s.contents[name]; known {
		return nil
	}
	fields, ok := types[name]
	if !ok {
		if _, known := s.texts[name]; !known {
			s.texts[name] = free("string") // a type of texts that the later schema has no more
		}
		return nil
	}
	// Texts with attributes, and a type of which the module's package of camt's eighth versions has the fields of another by mistake: the
	// message definition knows one SettlementInstruction7, and the module's other packages have it.
	if c := later.contents[name]; c.text != "" || c.anything || name == "SettlementInstruction7" {
		s.contents[name] = c
		for _, e := range c.elements {
			if err := s.take(e.of, types, later); err != nil {
				return err
			}
		}
		return nil
	}
	c := content{choice: strings.HasSuffix(name, "Choice")}
	for _, field := range fields.Fields.List {
		e, err := fieldElement(field)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if e.name != "" {
			c.elements = append(c.elements, e)
		}
	}
	s.contents[name] = c
	for _, e := range c.elements {
		if err := s.take(e.of, types, later); err != nil {
			return err
		}
	}
	return nil
}

// fieldElement is the element of a field; of none, for the name of the element itself.
func fieldElement(field *ast.Field) (element, error) {
	if len(field.Names) == 1 && field.Names[0].Name == "XMLName" {
		return element{}, nil
	}
	tag := ""
	if field.Tag != nil {
		tag = reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("xml")
	}
	name, option, _ := strings.Cut(tag, ",")
	if name == "" || (option != "" && option != "omitempty") {
		return element{}, fmt.Errorf("the field %v is no element", field.Names)
	}
	e := element{name: name, least: 1, most: 1}
	if option == "omitempty" {
		e.least = 0
	}
	for of := field.Type; ; {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.ArrayType:
			of, e.most = t.Elt, -1
		case *ast.SelectorExpr:
			e.of = t.Sel.Name
			return e, nil
		case *ast.Ident:
			e.of = t.Name
			return e, nil
		default:
			return e, fmt.Errorf("%s is of a type that is not understood", name)
		}
	}
}
