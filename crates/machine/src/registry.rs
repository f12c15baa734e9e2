//! The registry: a tree of keys with typed values, in memory, as a driver finds it when it starts.
//!
//! # Invariants
//! - No two keys below one key and no two values of one key have names that differ in case alone.
//! - Sub keys are in the order of their upper-case names, values in the order in which they were made.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// No type.
    None,
    /// A terminated string.
    String,
    /// A terminated string with environment variables in it.
    ExpandableString,
    /// Bytes.
    Binary,
    /// A number of 32 bits.
    Number,
    /// Terminated strings, ended by an empty one.
    Strings,
    /// A number of 64 bits.
    LongNumber,
}

impl ValueType {
    /// The number by which drivers know the type.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            ValueType::None => 0,
            ValueType::String => 1,
            ValueType::ExpandableString => 2,
            ValueType::Binary => 3,
            ValueType::Number => 4,
            ValueType::Strings => 7,
            ValueType::LongNumber => 11,
        }
    }
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name; the empty one is the key's default value.
    pub name: String,
    /// Its type.
    pub value_type: ValueType,
    /// Its bytes, with the terminators where it is made of strings.
    pub data: Vec<u8>,
}

/// The characters of a string and its terminator, as bytes.
fn terminated(text: &str) -> impl Iterator<Item = u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes)
}

impl Value {
    /// A value of this name, type and contents.
    #[must_use]
    pub fn new(name: &str, value_type: ValueType, data: Vec<u8>) -> Value {
        Value { name: name.to_owned(), value_type, data }
    }

    /// A string.
    #[must_use]
    pub fn string(name: &str, text: &str) -> Value {
        Value::new(name, ValueType::String, terminated(text).collect())
    }

    /// A string with environment variables in it.
    #[must_use]
    pub fn expandable_string(name: &str, text: &str) -> Value {
        Value::new(name, ValueType::ExpandableString, terminated(text).collect())
    }

    /// Several strings, none of them empty.
    #[must_use]
    pub fn strings(name: &str, texts: &[&str]) -> Value {
        let data = texts.iter().copied().chain([""]).flat_map(terminated).collect();
        Value::new(name, ValueType::Strings, data)
    }

    /// A number of 32 bits.
    #[must_use]
    pub fn number(name: &str, number: u32) -> Value {
        Value::new(name, ValueType::Number, number.to_le_bytes().to_vec())
    }

    /// A number of 64 bits.
    #[must_use]
    pub fn long_number(name: &str, number: u64) -> Value {
        Value::new(name, ValueType::LongNumber, number.to_le_bytes().to_vec())
    }
}

/// A key: its name, its values and the keys below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: String,
    values: Vec<Value>,
    keys: Vec<Key>,
}

/// Whether two names are the same but for their case.
fn same(one: &str, other: &str) -> bool {
    one == other || one.to_uppercase() == other.to_uppercase()
}

impl Key {
    fn new(name: &str) -> Key {
        Key { name: name.to_owned(), values: Vec::new(), keys: Vec::new() }
    }

    /// Its name, without the path that leads to it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys directly below it, in order.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Its values, in order.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Its value of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|value| same(&value.name, name))
    }

    /// Gives it a value, in the place of the one of the same name, if there is one.
    pub fn set(&mut self, value: Value) {
        match self.values.iter_mut().find(|known| same(&known.name, &value.name)) {
            Some(known) => *known = value,
            None => self.values.push(value),
        }
    }

    /// Deletes its value of this name, and gives it.
    pub fn delete(&mut self, name: &str) -> Option<Value> {
        let place = self.values.iter().position(|value| same(&value.name, name))?;
        Some(self.values.remove(place))
    }

    fn place_of(&self, name: &str) -> Result<usize, usize> {
        let upper = name.to_uppercase();
        self.keys.binary_search_by_key(&upper, |key| key.name.to_uppercase())
    }

    fn key(&self, name: &str) -> Option<&Key> {
        self.place_of(name).ok().map(|place| &self.keys[place])
    }

    fn key_mut(&mut self, name: &str) -> Option<&mut Key> {
        self.place_of(name).ok().map(|place| &mut self.keys[place])
    }

    fn key_or_new(&mut self, name: &str) -> &mut Key {
        let place = match self.place_of(name) {
            Ok(place) => place,
            Err(place) => {
                self.keys.insert(place, Key::new(name));
                place
            }
        };
        &mut self.keys[place]
    }
}

/// Where a path that a driver gives begins (MACH-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The root of the registry: the path is whole.
    Absolute,
    /// The services of the current control set.
    Services,
    /// The settings of the current control set.
    Control,
    /// The version of Windows.
    WindowsNt,
    /// The devices that were found.
    DeviceMap,
    /// The user, who is nobody in particular for the system process.
    User,
}

impl Root {
    /// The root of this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Root> {
        match number {
            0 => Some(Root::Absolute),
            1 => Some(Root::Services),
            2 => Some(Root::Control),
            3 => Some(Root::WindowsNt),
            4 => Some(Root::DeviceMap),
            5 => Some(Root::User),
            _ => None,
        }
    }

    /// The path that leads to it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Root::Absolute => "",
            Root::Services => "\\Registry\\Machine\\System\\CurrentControlSet\\Services",
            Root::Control => "\\Registry\\Machine\\System\\CurrentControlSet\\Control",
            Root::WindowsNt => "\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion",
            Root::DeviceMap => "\\Registry\\Machine\\Hardware\\DeviceMap",
            Root::User => "\\Registry\\User\\.Default",
        }
    }
}

/// A whole path of a key, which need not exist: the names from the root on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path that leads on from `root` by `path`; `None` when it should be whole and does not begin with a backslash.
    ///
    /// Backslashes at the end, or several in a row, stand for one.
    #[must_use]
    pub fn new(root: Root, path: &str) -> Option<KeyPath> {
        if root == Root::Absolute && !path.starts_with('\\') {
            return None;
        }
        Some(KeyPath(Vec::new()).join(root.path()).join(path))
    }

    /// The path that leads on by `path` from here.
    #[must_use]
    pub fn join(&self, path: &str) -> KeyPath {
        let further = path.split('\\').filter(|name| !name.is_empty()).map(str::to_owned);
        KeyPath(self.0.iter().cloned().chain(further).collect())
    }

    /// Whether it leads into one of the hives that only the system writes to (MACH-228).
    #[must_use]
    pub fn is_in_system_hive(&self) -> bool {
        let [registry, machine, hive, ..] = &self.0[..] else { return false };
        same(registry, "Registry")
            && same(machine, "Machine")
            && ["Hardware", "Software", "System", "Security", "Sam"].iter().any(|system| same(hive, system))
    }
}

impl core::fmt::Display for KeyPath {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|name| write!(f, "\\{name}"))
    }
}

/// The whole registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    root: Key,
}

impl Registry {
    /// The registry of a machine on which one driver is installed: the key of its service, which the file
    /// `file_name` in the system's folder of drivers belongs to, and the [`Root`]s.
    #[must_use]
    pub fn with_service(service: &str, file_name: &str) -> Registry {
        let mut registry = Registry { root: Key::new("") };
        for root in [Root::Services, Root::Control, Root::WindowsNt, Root::DeviceMap, Root::User] {
            registry.key_or_new(&KeyPath(Vec::new()).join(root.path()));
        }
        let path = KeyPath(Vec::new()).join(Root::Services.path()).join(service);
        let key = registry.key_or_new(&path);
        // A kernel driver that is started on demand; a failure to start it is logged and the start goes on.
        key.set(Value::number("Type", 1));
        key.set(Value::number("Start", 3));
        key.set(Value::number("ErrorControl", 1));
        let image_path = format!("\\SystemRoot\\System32\\drivers\\{file_name}");
        key.set(Value::expandable_string("ImagePath", &image_path));
        key.set(Value::string("DisplayName", service));
        registry.key_or_new(&path.join("Parameters"));
        registry
    }

    /// The key at a path.
    #[must_use]
    pub fn key(&self, path: &KeyPath) -> Option<&Key> {
        path.0.iter().try_fold(&self.root, |key, name| key.key(name))
    }

    /// The key at a path, to be changed.
    pub fn key_mut(&mut self, path: &KeyPath) -> Option<&mut Key> {
        path.0.iter().try_fold(&mut self.root, |key, name| key.key_mut(name))
    }

    /// The key at a path, made with all that lead to it where they are missing.
    pub fn key_or_new(&mut self, path: &KeyPath) -> &mut Key {
        path.0.iter().fold(&mut self.root, |key, name| key.key_or_new(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn registry() -> Registry {
        Registry::with_service("sample", "sample.sys")
    }

    fn path(root: Root, text: &str) -> KeyPath {
        KeyPath::new(root, text).unwrap()
    }

    fn names<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<&'a str> {
        values.into_iter().map(|value| value.name.as_str()).collect()
    }

    #[test]
    fn the_driver_finds_its_service_key_with_what_an_installation_writes() {
        let registry = registry();
        let whole = "\\registry\\MACHINE\\System\\CurrentControlSet\\Services\\Sample";
        let key = registry.key(&path(Root::Absolute, whole)).unwrap();
        assert_eq!(key.name(), "sample");
        assert_eq!(names(key.values()), ["Type", "Start", "ErrorControl", "ImagePath", "DisplayName"]);
        assert_eq!(key.value("START").unwrap().data, [3, 0, 0, 0]);
        let image = key.value("ImagePath").unwrap();
        let expected = Value::expandable_string("ImagePath", "\\SystemRoot\\System32\\drivers\\sample.sys");
        assert_eq!(image, &expected);
        assert!(registry.key(&path(Root::Services, "sample\\Parameters")).unwrap().values().is_empty());
    }

    #[test]
    fn mach_226_every_root_is_a_key_of_a_new_registry_under_its_number() {
        let registry = registry();
        let paths = [
            "\\Registry\\Machine\\System\\CurrentControlSet\\Services",
            "\\Registry\\Machine\\System\\CurrentControlSet\\Control",
            "\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion",
            "\\Registry\\Machine\\Hardware\\DeviceMap",
            "\\Registry\\User\\.Default",
        ];
        for (number, whole) in (1..).zip(paths) {
            let root = Root::from_number(number).unwrap();
            assert!(registry.key(&path(root, "")).is_some(), "{root:?}");
            assert_eq!(path(root, "").to_string(), whole);
        }
        assert_eq!(Root::from_number(0), Some(Root::Absolute));
        assert_eq!(Root::from_number(6), None);
        assert_eq!(registry.key(&path(Root::Services, "other")), None);
    }

    #[test]
    fn a_whole_path_begins_with_a_backslash_and_a_relative_one_need_not() {
        assert_eq!(KeyPath::new(Root::Absolute, "Registry\\Machine"), None);
        assert_eq!(KeyPath::new(Root::Absolute, ""), None);
        assert_eq!(path(Root::Control, "Class\\"), path(Root::Control, "\\Class"));
        assert_eq!(path(Root::Control, "").join("a\\b"), path(Root::Control, "a").join("b"));
    }

    #[test]
    fn only_the_machines_hives_are_the_systems() {
        for root in [Root::Services, Root::Control, Root::WindowsNt, Root::DeviceMap] {
            assert!(path(root, "x").is_in_system_hive(), "{root:?}");
        }
        assert!(path(Root::Absolute, "\\REGISTRY\\MACHINE\\sam").is_in_system_hive());
        assert!(!path(Root::User, "").is_in_system_hive());
        for text in ["\\Registry\\Machine", "\\Registry\\Machine\\Other", "\\Registry\\A\\System"] {
            assert!(!path(Root::Absolute, text).is_in_system_hive(), "{text}");
        }
    }

    #[test]
    fn sub_keys_are_in_the_order_of_their_names_whatever_their_case() {
        let mut registry = registry();
        for name in ["beta", "Alpha", "GAMMA", "BETA"] {
            registry.key_or_new(&path(Root::Control, name));
        }
        let control = registry.key(&path(Root::Control, "")).unwrap();
        let names: Vec<&str> = control.keys().iter().map(Key::name).collect();
        assert_eq!(names, ["Alpha", "beta", "GAMMA"]);
    }

    #[test]
    fn a_value_is_replaced_in_its_place_and_deleted_by_its_name() {
        let mut registry = registry();
        let key = registry.key_mut(&path(Root::Services, "sample")).unwrap();
        key.set(Value::long_number("start", 7));
        assert_eq!(names(key.values()), ["Type", "start", "ErrorControl", "ImagePath", "DisplayName"]);
        assert_eq!(key.delete("TYPE"), Some(Value::number("Type", 1)));
        assert_eq!(key.delete("Type"), None);
        assert_eq!(names(key.values()), ["start", "ErrorControl", "ImagePath", "DisplayName"]);
    }

    #[test]
    fn strings_are_stored_with_their_terminators() {
        assert_eq!(Value::string("", "ab").data, [b'a', 0, b'b', 0, 0, 0]);
        assert_eq!(Value::strings("", &["a", "b"]).data, [b'a', 0, 0, 0, b'b', 0, 0, 0, 0, 0]);
        assert_eq!(Value::strings("", &[]).data, [0, 0]);
    }
}
