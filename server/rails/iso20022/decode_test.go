package iso20022_test

import (
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/rails/iso20022"
)

const space = "urn:iso:std:iso:20022:tech:xsd:"

// returns is a pacs.004 with this in its message.
func returns(inside string) string {
	return `<Document xmlns="` + space + iso20022.Pacs004 + `"><PmtRtr>` + inside + `</PmtRtr></Document>`
}

func TestDecodeTakesWhatTheSchemaDoes(t *testing.T) {
	t.Parallel()
	const inside = `<GrpHdr><MsgId> a </MsgId><NbOfTxs>1</NbOfTxs></GrpHdr><TxInf><RtrId>r</RtrId><OrgnlTxRef><Amt><InstdAmt Ccy="EUR">1</InstdAmt></Amt></OrgnlTxRef>` +
		`</TxInf><TxInf><RtrId>&lt;</RtrId></TxInf>`
	for name, text := range map[string]string{
		"plain":          returns(inside),
		"mark, comments": "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- a -->\n" + returns("<!-- b -->"+inside) + "\n<!-- c -->\n",
		"prefix": strings.NewReplacer("</", "</x:", "<", "<x:", "xmlns=", "xmlns:x=").
			Replace(returns(inside)),
	} {
		var message iso20022.PaymentReturn
		if err := iso20022.Decode([]byte(text), iso20022.Pacs004, &message); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := message.Message.Transactions; len(got) != 2 || got[1].ID != "<" {
			t.Errorf("%s: read %+v", name, got)
		}
	}
}

func TestDecodeRefusesWhatNoSchemaTakes(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)
	for text, want := range map[string]string{
		"":      "it ends before",
		"101 0": "it is no XML",
		`<Document xmlns="` + space + `pacs.004.001.02"/>`:                         "another version",
		`<Document xmlns="urn:x"/>`:                                                "no message of ISO 20022",
		`<Dokument xmlns="` + space + iso20022.Pacs004 + `"/>`:                     "no message of ISO 20022",
		"<!DOCTYPE Document [<!ENTITY a 'b'>]>" + returns(""):                      "document type",
		returns("<GrpHdr/><GrpHdr/>"):                                              "GrpHdr is in its element twice",
		returns("<TxInf><RtrId>a</RtrId><RtrId>SECRET</RtrId></TxInf>"):            "RtrId is in its element twice",
		returns("<TxInf><RtrId>a<b>SECRET</b></RtrId></TxInf>"):                    "RtrId has elements in it",
		returns(`<TxInf xmlns="urn:x"><RtrId>a</RtrId></TxInf>`):                   "another namespace",
		returns("") + "<a/>":                                                       "something follows",
		returns("") + "SECRET":                                                     "something follows",
		returns("&SECRET;"):                                                        "line 1: it is no well-formed XML",
		returns("<TxInf>"):                                                         "no well-formed XML",
		strings.TrimSuffix(returns(""), "</Document>"):                             "no well-formed XML",
		returns("\n" + deep):                                                       "line 2: elements lie more than 32 deep",
		returns("\xff\xfe"):                                                        "no well-formed XML",
		`<?xml version="1.0" encoding="ISO-8859-1"?>` + returns(""):                "cannot be read as XML in UTF-8",
		strings.Replace(returns("<GrpHdr/>"), "<GrpHdr/>", "<!ELEMENT SECRET>", 1): "directive",
	} {
		var message iso20022.PaymentReturn
		err := iso20022.Decode([]byte(text), iso20022.Pacs004, &message)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: the error quotes it: %v", text, err)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1": "1.00", "1.5": "1.50", "1.50000": "1.50", "3.": "3.00", "1.501": "", "1,5": "", "-1": "", "1e3": "", "": "",
		"1234567890123456789": "", "9999999999999": "",
	} {
		got, err := iso20022.Amount{Currency: "EUR", Value: text}.Money()
		if (err != nil) != (want == "") || (err == nil && got.String() != want) {
			t.Errorf("%q is %v, %v, want %q", text, got, err, want)
		}
	}
	if got, err := (iso20022.Amount{Currency: "EUR", Value: "\n 7.25 "}).Money(); err != nil || got.String() != "7.25" {
		t.Errorf("with space around it an amount is %v, %v", got, err)
	}
	if _, err := (iso20022.Amount{Currency: "XXX", Value: "1"}).Money(); err == nil {
		t.Error("XXX is a currency")
	}
}

func TestTextsAreWrittenInTheLatinSet(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Jürgen Groß": "Jurgen Gross", "Müller & Söhne": "Muller + Sohne", "Łódź": "Lodz", "Παπαδόπουλος": "Papadopoulos",
		"a_b*c<d>": "a-b c d", "  two\n lines ": "two lines", "***": "", "": "", "/-": "", "O'Neil (1)": "O'Neil (1)",
		strings.Repeat("ab ", 40): strings.TrimSpace(strings.Repeat("ab ", 40)[:iso20022.RoomName]),
	} {
		if got := iso20022.Latin(text, iso20022.RoomName); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

// FuzzDecode reads anything: it ends, and takes nothing that another reading of the same would not.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{returns("<GrpHdr><MsgId>a</MsgId></GrpHdr><TxInf><RtrId>a</RtrId></TxInf>"), returns("<a><b/></a>"), "<", returns("&amp;")} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var message iso20022.PaymentReturn
		err := iso20022.Decode(content, iso20022.Pacs004, &message)
		version, other := iso20022.Version(content)
		if err == nil && (other != nil || version != iso20022.Pacs004) {
			t.Errorf("it was read as %s and is %q, %v", iso20022.Pacs004, version, other)
		}
	})
}
