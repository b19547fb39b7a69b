// Command protodeps writes the .proto files that ours import, printed from the descriptors which are compiled into the Go modules
// that go.mod pins. The folder it writes is ignored by git and is a module of the buf workspace, so that buf needs no registry and no
// vendored copies, and what we generate against cannot differ from what the server links.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// roots are the files that our .proto files import; what these import follows by itself.
var roots = []protoreflect.FileDescriptor{
	annotations.File_google_api_annotations_proto,
	httpbody.File_google_api_httpbody_proto,
	code.File_google_rpc_code_proto,
	validate.File_buf_validate_validate_proto,
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("protodeps: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: protodeps DIR")
	}
	files := map[string]protoreflect.FileDescriptor{}
	for _, root := range roots {
		collect(files, root)
	}
	for name, file := range files {
		if err := write(filepath.Join(os.Args[1], filepath.FromSlash(name)), file); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

// collect adds the file and everything it imports, except google/protobuf/*.proto, which buf carries itself.
func collect(files map[string]protoreflect.FileDescriptor, file protoreflect.FileDescriptor) {
	if files[file.Path()] != nil || strings.HasPrefix(file.Path(), "google/protobuf/") {
		return
	}
	files[file.Path()] = file
	for i := range file.Imports().Len() {
		collect(files, file.Imports().Get(i).FileDescriptor)
	}
}

func write(path string, file protoreflect.FileDescriptor) error {
	var text bytes.Buffer
	printer := protoprint.Printer{Compact: true}
	if err := printer.PrintProtoFile(file, &text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}
