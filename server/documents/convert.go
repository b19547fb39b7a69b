package documents

import (
	"encoding/hex"

	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
)

// ToProto is the document without its file.
func ToProto(row db.Document) *antonv1.Document {
	return &antonv1.Document{
		Id:          row.ID,
		Category:    antonv1.DocumentCategory_Value(antonv1.DocumentCategory_Value_value[string(row.Category)]),
		FileName:    row.FileName,
		ContentType: row.ContentType,
		Size:        row.Size,
		Sha256:      hex.EncodeToString(row.Sha256),
		Scan:        antonv1.DocumentScan_Value(antonv1.DocumentScan_Value_value[string(row.Scan)]),
		Description: row.Description,
		CreatedAt:   timestamppb.New(row.CreatedAt),
	}
}
